"""`examples/react` in a real browser, on another origin than the service."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devstack.ports import LOOPBACK, free_port
from service.core.clock import SystemClock
from tests.browser.chromium import Page
from tests.browser.pay_page import pay_in_frame
from tests.browser.react_example import FOLDER, build, build_component, install, served
from tests.stack.live_stack import IMAGE, LiveStack, separate_stack

# Installing and building it take their time.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

WELCOME_CREDITS = 3


@dataclass(frozen=True)
class Example:
    """The example at its origin, and one more port from which pages may call the service."""

    origin: str
    other_port: int
    stack: LiveStack


@pytest.fixture(scope="module")
def example(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    port, other_port = free_port(), free_port()
    settings: dict[str, Any] = {
        "clock": SystemClock(),
        "cors_allowed_origins": tuple(f"http://{LOOPBACK}:{each}" for each in (port, other_port)),
        "welcome_credits": WELCOME_CREDITS,
        "app_url": f"http://{LOOPBACK}:{port}",
        "stripe_return_path": "/",
    }
    with separate_stack(client, **settings) as stack:
        target = tmp_path_factory.mktemp("react")
        build(target, {"VITE_FAREBOX_URL": stack.url, "VITE_SIMULATORS_URL": stack.sim_url})
        with served(target, port) as origin:
            yield Example(origin, other_port, stack)


@pytest.fixture
def page() -> Iterator[Page]:
    with Page() as opened:
        yield opened


HELD_PROMPTS = """
    const send = window.fetch;
    window.fetch = async (...request) => {
        if (String(request[0]).endsWith("/prompts"))
            await new Promise((resume) => { window.resumePrompts = resume; });
        return send(...request);
    };
"""

HELD_VIDEO = """
    const send = window.fetch;
    window.fetch = async (...request) => {
        const response = await send(...request);
        if (String(request[0]).endsWith("/videos")) await new Promise(() => {});
        return response;
    };
"""


def sign_in(page: Page, example: Example, name: str) -> None:
    submit_sign_in(page, example, name)
    page.wait('document.querySelector("option") && document.getElementById("credits")')


def submit_sign_in(page: Page, example: Example, name: str) -> None:
    page.go(example.origin)
    fill_in(page, name)


def fill_in(page: Page, name: str) -> None:
    page.wait('document.querySelector("input")?.labels[0]?.textContent.startsWith("Name")')
    page.evaluate(
        f"""(() => {{
            const input = document.querySelector("input");
            Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")
                .set.call(input, {json.dumps(name)});
            input.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }})()"""
    )
    page.wait(f'document.querySelector("form button").textContent === "Sign in as {name}"')
    page.click('document.querySelector("form button")')


def button(label: str) -> str:
    """The button with that label, as JavaScript."""
    buttons = '[...document.querySelectorAll("button")]'
    return f"{buttons}.find((each) => each.textContent === {json.dumps(label)})"


def make_video(page: Page) -> None:
    page.click(button("Make the video"))


def wait_for_text(page: Page, text: str) -> None:
    page.wait(f"document.body.textContent.includes({json.dumps(text)})")


def credits_shown(page: Page) -> str:
    return str(page.evaluate('document.getElementById("credits").textContent'))


def known_user(example: Example, name: str, spent: int = 1) -> None:
    """Opens an account on a device of its own, for a user of whom the browser's device knows
    nothing."""
    sub = f"dev-{name}"
    for _ in range(spent):
        example.stack.settled(example.stack.submitted(sub), sub)


def jobs_of(example: Example, name: str) -> Any:
    return example.stack.get("/jobs", f"dev-{name}").json()["data"]["jobs"]


def expect_clean(page: Page, example: Example) -> None:
    """No script error, and no request but to the stack and the app's own origin."""
    errors = [line for line in page.console if line.startswith("error")]
    assert [line for line in errors if "the server responded with" not in line] == []
    own = {example.origin, example.stack.url, example.stack.sim_url}
    hosts = {urlsplit(request.split()[1]).netloc for request in page.requests}
    assert hosts <= {urlsplit(url).netloc for url in own} | {""}, page.requests


def test_a_new_user_makes_a_video_for_one_credit(page: Page, example: Example) -> None:
    sign_in(page, example, "ada")
    assert credits_shown(page) == "your first video opens the account"
    make_video(page)
    wait_for_text(page, "Your video is ready. It cost 1 credit.")
    page.wait('document.querySelector("video").readyState >= 2')
    page.wait('document.getElementById("credits").textContent === "2 credits"')
    make_video(page)
    page.wait('document.getElementById("credits").textContent === "1 credit"')
    wait_for_text(page, "Your video is ready. It cost 1 credit.")
    assert example.stack.credits("dev-ada") == (1, 0)
    expect_clean(page, example)
    # The welcome credits are for one person on one device.
    sign_in(page, example, "eve")
    make_video(page)
    wait_for_text(page, "Another account was opened on this device.")
    assert example.stack.credits("dev-eve") == (0, 0)


def test_no_video_can_be_requested_before_there_is_a_prompt(page: Page, example: Example) -> None:
    page.call("Page.addScriptToEvaluateOnNewDocument", source=HELD_PROMPTS)
    submit_sign_in(page, example, "gil")
    page.wait(f"window.resumePrompts && {button('Make the video')}")
    assert page.evaluate(f"{button('Make the video')}.disabled")
    page.evaluate("window.resumePrompts()")
    page.wait(f"!{button('Make the video')}.disabled")
    assert page.evaluate('document.querySelector("select").value')


def test_a_failed_job_says_so_and_costs_nothing(page: Page, example: Example) -> None:
    known_user(example, "bob")
    sign_in(page, example, "bob")
    assert credits_shown(page) == "2 credits"
    example.stack.fault("create", "job-fails")
    make_video(page)
    wait_for_text(page, "Nothing was charged.")
    page.wait('document.getElementById("credits").textContent === "2 credits"')
    assert page.evaluate('document.querySelector("video")') is None
    expect_clean(page, example)


def test_a_busy_provider_is_tried_again_with_the_same_key(page: Page, example: Example) -> None:
    known_user(example, "carol")
    sign_in(page, example, "carol")
    example.stack.fault("create", "status:429:1303", count=4)
    make_video(page)
    wait_for_text(page, "The provider is busy.")
    wait_for_text(page, "Your video is ready.")
    assert example.stack.credits("dev-carol") == (1, 0)
    sent = [request for request in page.requests if request == f"POST {example.stack.url}/videos"]
    assert len(sent) == 2


def test_a_page_reloaded_in_the_middle_goes_on_with_the_same_job(
    page: Page, example: Example
) -> None:
    known_user(example, "dan")
    held = page.call("Page.addScriptToEvaluateOnNewDocument", source=HELD_VIDEO)
    sign_in(page, example, "dan")
    make_video(page)
    example.stack.until(lambda: len(jobs_of(example, "dan")) == 2)
    assert page.evaluate('localStorage.getItem("farebox-attempt")')
    page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=held["identifier"])
    sign_in(page, example, "dan")
    wait_for_text(page, "Your last request is not finished.")
    page.click(button("Go on with it"))
    wait_for_text(page, "Your video is ready. It cost 1 credit.")
    assert [job["status"] for job in jobs_of(example, "dan")] == ["SUCCEEDED", "SUCCEEDED"]
    assert example.stack.credits("dev-dan") == (1, 0)


def test_a_user_without_credits_reads_what_is_missing(page: Page, example: Example) -> None:
    known_user(example, "fay", spent=WELCOME_CREDITS)
    sign_in(page, example, "fay")
    assert credits_shown(page) == "0 credits"
    make_video(page)
    wait_for_text(page, "This costs 1 and you have 0 credits.")
    assert page.evaluate('localStorage.getItem("farebox-attempt")') is None


def test_a_user_buys_credits_in_the_page_and_sees_them_on_return(
    page: Page, example: Example
) -> None:
    known_user(example, "ivy", spent=WELCOME_CREDITS)
    sign_in(page, example, "ivy")
    shown = 'document.querySelector("iframe")?.style.height'
    for label in (button("Buy 100 credits for $9.90"), button("Buy 525 credits for $44.90")):
        page.click(label)
        page.wait(f"{shown} && document.querySelector('iframe').src !== window.lastPage")
        page.evaluate("window.lastPage = document.querySelector('iframe').src")
    pay_in_frame(page, "4242424242424242")
    page.wait('location.search.includes("order_id=ord_") && document.readyState === "complete"')
    wait_for_text(page, "Sign in again to see your purchase.")
    fill_in(page, "ivy")
    wait_for_text(page, "Thank you: 525 credits are in your wallet.")
    page.wait('document.getElementById("credits").textContent === "525 credits"')
    assert page.evaluate("location.search") == ""
    assert example.stack.credits("dev-ivy") == (525, 0)
    expect_clean(page, example)


def test_the_component_in_the_readme_makes_a_video(
    page: Page, example: Example, tmp_path: Path
) -> None:
    readme = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```jsx\n(.*?)```", readme, re.DOTALL)
    properties = {
        "api": example.stack.url,
        "token": example.stack.token("readme"),
        "googleId": "readme",
        "device": "device-of-readme",
        "imageUrl": IMAGE,
        "promptKey": "foo_prompt",
    }
    install()
    build_component(tmp_path / "page", source, "MakeVideo", properties)
    with served(tmp_path / "page" / "dist", example.other_port) as origin:
        page.go(origin)
        page.click(button("Make a video"))
        page.wait('document.querySelector("video")?.readyState >= 2')
    assert example.stack.credits("readme") == (WELCOME_CREDITS - 1, 0)


def test_the_lock_file_is_exact_and_names_no_registry() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert locked[f"node_modules/{name}"]["version"] == version
    for name, entry in locked.items():
        if name:
            assert "resolved" not in entry, name
            assert entry["integrity"].startswith("sha512-"), name
