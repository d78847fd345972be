"""A pack that is spent already is refunded, over HTTP: the money goes back, the credits follow, and
what was spent is debt that the next pack pays."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from service.core.clock import SystemClock
from tests.doubles.signer import SHARED_SECRET
from tests.journeys.api_client import ApiClient
from tests.journeys.test_buying import TOTAL, checkout, order, pay
from tests.journeys.test_support import operator
from tests.stack.live_stack import LiveStack, new_key

VIDEO = 500
PAID_CENTS = 4490
REASON = {"reason": "the videos were broken"}


@pytest.fixture
def api(start: Callable[..., LiveStack]) -> ApiClient:
    """`ann` has an account; a video costs nearly a pack."""
    stack = start(
        clock=SystemClock(),
        operator_keys=f"machine:hmac-sha256:{SHARED_SECRET}",
        video_price_credits=Decimal(VIDEO),
        welcome_credits=Decimal(VIDEO),
    )
    stack.finish_videos()
    stack.settled(stack.submitted("ann"))
    return ApiClient(stack)


def bought(api: ApiClient) -> tuple[str, str]:
    """A pack that is paid and granted: its order, and its payment at Stripe."""
    data = checkout(api).json()["data"]
    pay(api, data["sessionId"])
    assert order(api, data["orderId"]).json()["data"]["status"] == "paid"
    books = api.stack.call_simulators("GET", "/stripe/__books").json()
    return data["orderId"], books["payments"][-1]["payment_intent"]


def history(api: ApiClient) -> list[tuple[str, Any, Any]]:
    lines = api.stack.get("/credits/history").json()["data"]["transactions"]
    return [(each["type"], each["amount"], each["metadata"]["debt"]) for each in lines]


def test_half_of_a_pack_that_is_spent_is_refunded_and_the_next_pack_pays_the_debt(
    api: ApiClient,
) -> None:
    stack = api.stack
    name, payment = bought(api)
    stack.settled(stack.submitted("ann"))
    assert stack.credits() == (TOTAL - VIDEO, 0)
    half = {**REASON, "amountCents": PAID_CENTS // 2}
    key, path = new_key(), f"/admin/purchases/{payment}/refund"
    status, body = operator(stack, "POST", path, half, key)
    assert (status, body["data"]["purchase"]["clawedBack"]) == (200, TOTAL / 2)
    again = operator(stack, "POST", path, half, key)
    assert (again[0], again[1]["data"]["refundId"]) == (200, body["data"]["refundId"])
    assert order(api, name).json()["data"]["refundedCents"] == PAID_CENTS // 2
    assert stack.credits() == (0, 0)
    taken, owed = TOTAL - VIDEO, TOTAL / 2 - (TOTAL - VIDEO)
    assert history(api)[0] == ("CLAWBACK", -taken, owed)
    bought(api)
    assert history(api)[0] == ("PURCHASE", TOTAL - owed, -owed)
    assert stack.get("/credits").json()["data"]["credits"] == TOTAL - owed
    stack.assert_proved()


def test_a_dispute_that_is_won_returns_the_credits(api: ApiClient) -> None:
    stack = api.stack
    _, payment = bought(api)
    dispute = stack.call_simulators("POST", "/stripe/__dispute", {"payment": payment}).json()["id"]
    settle = f"/admin/purchases/{payment}/settle"
    operator(stack, "POST", settle, REASON, new_key())
    assert stack.credits() == (0, 0)
    stack.call_simulators("POST", "/stripe/__dispute", {"dispute": dispute, "action": "won"})
    status, body = operator(stack, "POST", settle, REASON, new_key())
    assert (status, body["data"]["purchase"]["clawedBack"]) == (200, 0)
    assert stack.credits() == (TOTAL, 0)
    assert history(api)[0] == ("RESTORATION", TOTAL, 0)
    stack.assert_proved()
