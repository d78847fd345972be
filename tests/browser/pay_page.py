"""The simulated Stripe's payment page, as a person uses it."""

from typing import Any

from tests.browser.chromium import Page, enabled
from tests.doubles.eventually import eventually

BUTTON = 'document.querySelector("#pay button")'


def pay(page: Page, card: str) -> None:
    """Pays with that card on the page, once it can be paid there."""
    page.wait(enabled(BUTTON))
    page.evaluate(_choose(card))


def pay_in_frame(page: Page, card: str) -> None:
    """Pays with that card in the page's frame, once it can be paid there."""
    eventually(lambda: in_frame(page, enabled(BUTTON)))
    in_frame(page, _choose(card))


def in_frame(page: Page, expression: str) -> Any:
    """The value of the expression inside the page's frame, which another origin may not read."""
    [child] = page.call("Page.getFrameTree")["frameTree"]["childFrames"]
    world = page.call("Page.createIsolatedWorld", frameId=child["frame"]["id"])
    result = page.call(
        "Runtime.evaluate",
        expression=expression,
        contextId=world["executionContextId"],
        returnByValue=True,
    )
    assert "exceptionDetails" not in result, result
    return result["result"].get("value")


def _choose(card: str) -> str:
    return f'document.getElementById("card").value = "{card}"; {BUTTON}.click()'
