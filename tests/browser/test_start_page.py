"""The start page of the local stack in a real browser, from the address `/` of the service."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from service.core.clock import SystemClock
from tests.browser.chromium import Page
from tests.stack.live_stack import LiveStack

pytestmark = pytest.mark.browser


def local_stack(start: Callable[..., LiveStack]) -> LiveStack:
    """In real time: under load, a fast clock would let a call of the service run out of time."""
    return start(local_pages=True, welcome_credits=3, clock=SystemClock())


def open_start(page: Page, stack: LiveStack) -> None:
    page.go(f"{stack.url}/")
    page.wait(
        """document.getElementById("prompt")?.value && document.getElementById("user").value"""
    )
    page.wait("""document.getElementById("available").textContent !== "–" """)


def text(page: Page, element: str) -> str:
    return str(page.evaluate(f'document.getElementById("{element}").textContent'))


def click(page: Page, element: str) -> None:
    page.click(f'document.getElementById("{element}")')


def balance(page: Page, available: str, held: str) -> None:
    """Waits for it: what a page says of a job and of a balance comes in two responses."""
    shown = [f'document.getElementById("{name}").textContent' for name in ("available", "held")]
    page.wait(f'{shown[0]} === "{available}" && {shown[1]} === "{held}"')


def make_video(page: Page) -> str:
    """Clicks and returns what the page says when it is done. The click itself disables the button:
    to wait for that could miss it."""
    click(page, "make")
    page.wait('!document.getElementById("make").disabled')
    return text(page, "outcome")


def inject(page: Page, name: str) -> None:
    buttons = f"""[...document.querySelectorAll("#faults button")]
        .find((button) => button.textContent.startsWith("{name}"))"""
    page.click(buttons)
    page.wait(f'document.getElementById("armed").textContent.includes("{name}")')


def expect_clean(page: Page, stack: LiveStack) -> None:
    """Nothing refused by the policy, no script error, and no host but the stack's."""
    assert page.violations() == []
    errors = [line for line in page.console if line.startswith(("error", "warning"))]
    assert [line for line in errors if "the server responded with" not in line] == []
    hosts = {urlsplit(request.split()[1]).netloc for request in page.requests}
    assert hosts <= {urlsplit(stack.url).netloc, urlsplit(stack.sim_url).netloc, ""}


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_a_visitor_makes_a_video_and_sees_its_credit_go(
    start: Callable[..., LiveStack], width: int, dark: bool
) -> None:
    stack = local_stack(start)
    with Page(width, dark=dark) as page:
        open_start(page, stack)
        assert page.evaluate("location.href") == f"{stack.sim_url}/"
        assert text(page, "available") == "0"
        assert "New here" in text(page, "registration")
        assert make_video(page) == "Done: 1 charged."
        page.wait('document.querySelector("#job-list video")?.readyState >= 2')
        balance(page, "2", "0")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect_clean(page, stack)


def test_a_failed_job_says_so_and_returns_its_credit(start: Callable[..., LiveStack]) -> None:
    stack = local_stack(start)
    with Page() as page:
        open_start(page, stack)
        inject(page, "The job fails")
        assert "Nothing was charged" in make_video(page)
        page.wait('document.querySelector("#job-list .FAILED")')
        balance(page, "3", "0")
        expect_clean(page, stack)


def test_a_busy_provider_can_be_tried_again_with_the_same_key(
    start: Callable[..., LiveStack],
) -> None:
    stack = local_stack(start)
    with Page() as page:
        open_start(page, stack)
        inject(page, "Kling is busy")
        assert "(PROVIDER_BUSY)" in make_video(page)
        assert text(page, "make") == "Repeat with the same key"
        click(page, "clear")
        page.wait('document.getElementById("armed").textContent === "None is armed."')
        assert make_video(page) == "Done: 1 charged."
        page.wait('document.querySelectorAll("#job-list .SUCCEEDED").length === 1')
        balance(page, "2", "0")


def become(page: Page, user_id: str) -> None:
    page.evaluate(
        f"""(() => {{ const user = document.getElementById("user");
        user.value = "{user_id}"; user.dispatchEvent(new Event("change")); }})()"""
    )


def test_the_page_shows_the_users_of_other_apps_too(start: Callable[..., LiveStack]) -> None:
    stack = local_stack(start)
    stack.settled(stack.submitted("ann"))
    with Page() as page:
        open_start(page, stack)
        become(page, "ann")
        page.wait('document.getElementById("available").textContent === "2"')
        page.wait('document.querySelector("#job-list .SUCCEEDED")')


def test_a_visitor_buys_credits_and_sees_them(start: Callable[..., LiveStack]) -> None:
    stack = local_stack(start)
    with Page() as page:
        open_start(page, stack)
        assert make_video(page) == "Done: 1 charged."
        page.wait("""document.querySelector('[data-package="credits-500"]')""")
        button = page.evaluate(
            """document.querySelector('[data-package="credits-500"]').textContent"""
        )
        assert "525 credits for $44.90" in button
        page.click("""document.querySelector('[data-package="credits-500"]')""")
        page.wait("""document.querySelector("#pay button")""")
        assert "44.90" in page.evaluate('document.querySelector("h1").textContent')
        page.click("""document.querySelector("#pay button")""")
        page.wait('document.getElementById("order-status")?.textContent === "paid"')
        assert page.evaluate("location.pathname") == "/app/billing/return"
        page.wait('document.getElementById("balance")?.textContent === "527"')
        assert "525 credits are in the wallet" in text(page, "order-text")
        click(page, "back")
        page.wait('document.getElementById("available")?.textContent === "527"')
        expect_clean(page, stack)


def at_stripe(stack: LiveStack, control: str, **fields: Any) -> None:
    done = requests.post(f"{stack.sim_url}/stripe/{control}", json=fields, timeout=30)
    assert done.status_code == 200, done.text


def top_up_that_the_bank_wants_confirmed(stack: LiveStack) -> None:
    """Ann has a saved card, and so few credits that the next ones are bought at once."""
    token = stack.token("ann")
    stack.settled(stack.submitted("ann"))
    saving = {"packageId": "credits-100", "savePaymentMethod": True}
    order = stack.call("POST", "/stripe/checkout", token, json=saving).json()["data"]
    at_stripe(stack, "__pay", session=order["sessionId"])
    stack.call("GET", f"/stripe/orders/{order['orderId']}", token)
    at_stripe(stack, "__fail_next", outcome="authentication_required")
    agreement = {
        "enabled": True,
        "packageId": "credits-100",
        "threshold": 500,
        "monthlyCapCents": 100_000,
    }
    assert stack.call("PUT", "/me/top-up", token, json=agreement).status_code == 200
    stack.until(lambda: stack.call("GET", "/me/top-up", token).json()["data"]["confirmation"])


def test_a_visitor_confirms_a_top_up_at_the_bank(start: Callable[..., LiveStack]) -> None:
    stack = local_stack(start)
    top_up_that_the_bank_wants_confirmed(stack)
    with Page() as page:
        open_start(page, stack)
        become(page, "ann")
        page.wait("""document.querySelector("[data-confirm]")""")
        button = page.evaluate("""document.querySelector("[data-confirm]").textContent""")
        assert button == "Confirm your top-up of $9.90"
        page.evaluate("window.confirm = () => true")
        page.click("""document.querySelector("[data-confirm]")""")
        page.wait("""!document.querySelector("[data-confirm]")""")
        page.wait('document.getElementById("available").textContent === "202"')
        assert stack.credits() == (202, 0)
        expect_clean(page, stack)


def test_a_return_page_that_was_made_up_brings_nothing(start: Callable[..., LiveStack]) -> None:
    stack = local_stack(start)
    with Page() as page:
        open_start(page, stack)
        assert make_video(page) == "Done: 1 charged."
        forged = f"order_id=ord_{'0' * 26}&session_id=cs_test_forged"
        page.go(f"{stack.sim_url}/app/billing/return?{forged}")
        page.wait('document.getElementById("order-text")?.textContent.includes("ORDER_NOT_FOUND")')
        open_start(page, stack)
        assert text(page, "available") == "2"
