"""The simulated Stripe's payment page, as a person uses it."""

from typing import Any

from tests.browser.chromium import Page


def choose(card: str) -> str:
    """Pays with that card, as JavaScript."""
    return (
        f'document.getElementById("card").value = "{card}";'
        'document.querySelector("#pay button").click()'
    )


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
