"""`docs/examples/text.html` in a real browser, on another origin than the service."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK, free_port
from service.core.clock import SystemClock
from tests.browser.chromium import Page, enabled
from tests.browser.react_example import served
from tests.stack.live_stack import LiveStack

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
COUNT_PIECES = """
    window.pieces = 0;
    new MutationObserver((changes) => { window.pieces += changes.length; })
        .observe(document.getElementById("text"), { childList: true });
"""


def written(page: Page, stack: LiveStack, token: str) -> str:
    """What the page says once it has ended."""
    page.evaluate(
        f"""(() => {{
            document.getElementById("api").value = "{stack.url}";
            document.getElementById("token").value = "{token}"; }})()"""
    )
    page.click('document.getElementById("submit")')
    page.wait('/[.)]$/.test(document.getElementById("status").textContent)')
    return str(page.evaluate('document.getElementById("status").textContent'))


def test_a_page_shows_a_text_piece_by_piece_and_what_it_cost(
    start: Callable[..., LiveStack],
) -> None:
    port = free_port()
    stack = start(clock=SystemClock(), cors_allowed_origins=(f"http://{LOOPBACK}:{port}",))
    with served(EXAMPLES, port) as origin, Page() as page:
        page.go(f"{origin}/text.html")
        page.wait(enabled('document.getElementById("submit")'))
        page.evaluate(COUNT_PIECES)
        assert "credits were charged." in written(page, stack, stack.token("ann"))
        (job,) = stack.get("/jobs").json()["data"]["jobs"]
        shown = page.evaluate('document.getElementById("text").textContent')
        assert shown == stack.get(f"/jobs/{job['jobId']}").json()["data"]["text"]
        assert page.evaluate("window.pieces") > 1
        assert "(TOKEN_" in written(page, stack, "no.such.token")
        assert page.evaluate('document.getElementById("text").textContent') == ""
    stack.assert_proved()
