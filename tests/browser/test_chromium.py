"""What the tests in a browser rest on, without one."""

import os
from typing import Any

import pytest

from tests.browser.chromium import Page

# What Chromium responds to a command that a navigation overtakes.
NAVIGATED = {"code": -32000, "message": "Inspected target navigated or closed"}
TRUE = {"result": {"result": {"value": True}}}


class ScriptedPage(Page):
    """With responses that were written down instead of a browser."""

    def __init__(self, *responses: dict[str, Any]) -> None:
        super().__init__()
        self._responses = iter(responses)
        self._write = os.open(os.devnull, os.O_WRONLY)

    def __exit__(self, *_: object) -> None:
        os.close(self._write)

    def __enter__(self) -> "ScriptedPage":
        return self

    def _receive(self, seconds: float = 90) -> dict[str, Any]:
        del seconds
        return {"id": self._last_id, **next(self._responses)}


def test_a_wait_goes_on_while_the_page_navigates() -> None:
    with ScriptedPage({"error": NAVIGATED}, TRUE) as page:
        page.wait("document.body")


def test_no_other_error_is_waited_out() -> None:
    other = {"error": NAVIGATED | {"message": "Not allowed"}}
    with ScriptedPage(other, TRUE) as page, pytest.raises(AssertionError, match="Not allowed"):
        page.wait("document.body")


def test_what_is_done_only_once_is_not_repeated() -> None:
    with ScriptedPage({"error": NAVIGATED}, TRUE) as page, pytest.raises(AssertionError):
        page.evaluate("document.body.click()")
