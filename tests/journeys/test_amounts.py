"""A price has up to three decimals, and no response and no item loses any of them."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.stack.live_stack import LiveStack


def exactly(text: str) -> Any:
    """JSON whose decimals are read as they are written."""
    return json.loads(text, parse_float=Decimal)


def test_a_price_of_a_fraction_is_charged_exactly_until_nothing_is_left(
    start: Callable[..., LiveStack],
) -> None:
    price, welcome = Decimal("0.334"), Decimal("1.002")
    stack = start(video_price_credits=price, welcome_credits=welcome)
    for number in range(1, 4):
        job = exactly(stack.post_video().text)["data"]
        assert job["credits"]["held"] == price
        assert job["credits"]["remaining"] == welcome - number * price
        stack.settled(job["jobId"])
    refused = stack.post_video()
    assert (refused.status_code, refused.json()["code"]) == (403, "INSUFFICIENT_CREDITS")
    assert exactly(refused.text)["details"]["required"] == price
    assert refused.json()["details"]["available"] == 0
    assert '"error":"This request costs 0.334 and 0 are available."' in refused.text
    [wallet] = [item for item in stack.items() if item["SK"]["S"] == "METADATA"]
    assert (wallet["captured"]["N"], wallet["credits"]["N"]) == ("1.002", "0")
    stack.assert_proved()


def test_whole_credits_are_whole_numbers_in_every_response_and_item(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(video_price_credits=Decimal("0.5"), welcome_credits=Decimal(2))
    stack.settled(stack.submitted())
    assert re.search(r'"credits":1\.5,.*"held":0,', stack.get("/credits").text)
    stack.settled(stack.submitted())
    assert re.search(r'"credits":1,.*"held":0,', stack.get("/credits").text)
    [wallet] = [item for item in stack.items() if item["SK"]["S"] == "METADATA"]
    assert (wallet["credits"]["N"], wallet["captured"]["N"]) == ("1", "1")
    stack.assert_proved()
