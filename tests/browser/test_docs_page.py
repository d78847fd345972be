"""The page at `/docs` in a real browser: offline, under its policy, with the component's *send*."""

import subprocess
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from service.core.clock import SystemClock
from tests.browser.chromium import Page
from tests.stack.live_stack import LiveStack

# In real time: on a busy machine, a fast clock would let a call of the service run out of time.
pytestmark = pytest.mark.browser

REFERENCE = 'document.querySelector("#reference")?.textContent.includes("Turn an image")'
TEST_REQUEST = """
    [...document.querySelectorAll("#reference button")]
        .find((button) => button.textContent.includes("Test Request") && button.checkVisibility()
            && (button.textContent.includes("/videos") || button.closest('[id$="POST/videos"]')))
"""
SEND = """
    [...document.querySelectorAll("button")]
        .find((button) => button.textContent.trim().startsWith("Send") && button.checkVisibility())
"""
COMMANDS = '[...document.querySelectorAll(".panel code")].map((block) => block.textContent)'
EDITORS = 'document.querySelectorAll(".cm-editor").length > 1'


def open_docs(page: Page, stack: LiveStack) -> None:
    page.go(f"{stack.url}/docs")
    page.wait(f'document.readyState === "complete" && {REFERENCE}')


def scroll_to_videos(page: Page) -> None:
    """The component renders an operation when a reader comes near it."""
    place = """document.querySelector('#reference [id$="POST/videos"]')"""
    page.wait(f"{place} && ({place}.scrollIntoView(), {TEST_REQUEST})")


def expect_clean(page: Page, stack: LiveStack) -> None:
    """Nothing refused, no error in the console, and no request but to this stack."""
    assert page.violations() == []
    assert [line for line in page.console if line.startswith(("error", "warning"))] == []
    hosts = {urlsplit(request.split()[1]).netloc for request in page.requests}
    own = {urlsplit(stack.url).netloc, urlsplit(stack.sim_url).netloc, ""}
    assert hosts <= own, page.requests
    called = [request for request in page.requests if stack.sim_url in request]
    assert set(called) <= {f"POST {stack.sim_url}/google/__token"}


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_the_page_shows_guide_and_reference_without_a_violation(
    start: Callable[..., LiveStack], width: int, dark: bool
) -> None:
    stack = start(local_pages=True, clock=SystemClock())
    with Page(width, dark=dark) as page:
        open_docs(page, stack)
        page.wait('document.getElementById("token").textContent.length > 400')
        assert page.evaluate('document.getElementById("local").checkVisibility()')
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate('document.querySelectorAll(".guide .address").length') == 3
        expect_clean(page, stack)


def test_a_reader_can_send_a_request_as_the_local_user(start: Callable[..., LiveStack]) -> None:
    stack = start(local_pages=True, clock=SystemClock())
    with Page() as page:
        open_docs(page, stack)
        scroll_to_videos(page)
        page.click(TEST_REQUEST)
        page.click(SEND)
        page.wait('document.body.textContent.includes("200 OK")')
        page.wait(EDITORS)
        expect_clean(page, stack)
        assert f"POST {stack.url}/videos" in page.requests
        subject = page.evaluate('document.getElementById("local-user").textContent')
    assert len(stack.tasks()) == 1
    jobs = stack.call("GET", "/jobs", stack.token(subject)).json()["data"]["jobs"]
    assert len(jobs) == 1


def test_every_command_works_as_pasted_and_a_repeated_one_returns_the_same_job(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(local_pages=True, clock=SystemClock())
    with Page() as page:
        open_docs(page, stack)
        page.wait('document.getElementById("token").textContent.length > 400')
        commands = page.evaluate(COMMANDS)
    assert [command.split()[0] for command in commands] == ["export", "curl", "curl", "curl"]
    assert pasted(commands) == [200, 200, 200]
    assert pasted(commands) == [200, 200, 200]
    assert len(stack.tasks()) == 1


def pasted(commands: list[str]) -> list[int]:
    """Runs the commands in one shell. Returns the statuses of the responses."""
    show_status = """curl() { command curl --silent --output /dev/null -w '%{http_code} ' "$@"; }"""
    shell = subprocess.run(
        ["bash", "-euc", "\n".join([show_status, *commands])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr
    return [int(status) for status in shell.stdout.split()]


def test_a_service_without_a_local_token_requests_none(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(clock=SystemClock())
    with Page() as page:
        open_docs(page, stack)
        scroll_to_videos(page)
        expect_clean(page, stack)
        assert not [request for request in page.requests if "__token" in request]
        assert page.evaluate('document.getElementById("local")') is None
