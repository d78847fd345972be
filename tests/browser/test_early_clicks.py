"""Pages whose script is still on its way: a click has no effect, and works afterwards."""

from collections.abc import Callable

import pytest

from service.core.clock import SystemClock
from tests.browser.chromium import Page, enabled
from tests.stack.live_stack import LiveStack

pytestmark = pytest.mark.browser

CLICKABLE = """[...document.querySelectorAll("button")]
    .filter((each) => !each.disabled && each.checkVisibility()).map((each) => each.outerHTML)"""


def pay_page(stack: LiveStack) -> str:
    wanted = {"packageId": "credits-100", "uiMode": "hosted"}
    stack.settled(stack.submitted("ann"))
    made = stack.call("POST", "/stripe/checkout", stack.token("ann"), json=wanted)
    return str(made.json()["data"]["url"])


def test_no_button_can_be_clicked_before_its_script_responds(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(local_pages=True, welcome_credits=3, clock=SystemClock())
    pages = {
        pay_page(stack): ["#pay button"],
        f"{stack.sim_url}/": [
            *("#new-user", "#make", "#refresh", "#copy-token", "#copy-command", "#sign-in button")
        ],
        f"{stack.url}/docs/operators": ["#sign-in [type=submit]", "#local-sign-in"],
        f"{stack.url}/docs": ["#new-user", "button.copy"],
    }
    for url, buttons in pages.items():
        with Page() as page:
            page.hold_scripts()
            page.go(url)
            page.wait(f'location.href === {url!r} && document.readyState === "interactive"')
            assert page.evaluate(CLICKABLE) == []
            page.evaluate('document.querySelector("form button")?.click()')
            page.release_scripts()
            for each in buttons:
                page.wait(enabled(f"document.querySelector({each!r})"))
            assert page.evaluate("location.href") == url
