"""A top-up of which no one knows whether it was paid."""

from typing import Any

import pytest

from service.billing.entities import StripeRefused, StripeUnavailable
from tests.billing.test_top_ups import PRICE, TopUpWorld


def test_a_key_that_stood_for_another_payment_proves_not_that_nothing_was_paid() -> None:
    world = TopUpWorld()
    world.enable()

    def refuse(*_: Any) -> Any:
        raise StripeRefused(kind="idempotency_error", status=400, reason="")

    world.stripe.create_payment_intent = refuse  # type: ignore[method-assign]
    world.top_ups.run("ann")
    assert world.setting().spent_cents == PRICE
    assert world.setting().order_id == ""


def test_no_customer_is_made_for_a_user_who_was_erased_meanwhile() -> None:
    world = TopUpWorld()
    world.enable()
    world.account.http.arm("create_payment_intent", "reset", 3)
    with pytest.raises(StripeUnavailable):
        world.top_ups.run("ann")
    for name in ("stripe_customer", "stripe_customer_id"):
        next(each for each in world.harness.parts.erasure_steps() if each.name == name).run("ann")
    before = len(world.requests("POST", "/v1/customers"))
    world.later()
    world.top_ups.run("ann")
    assert len(world.requests("POST", "/v1/customers")) == before
    assert world.items("STRIPE_CUSTOMER") == []
    assert world.setting().spent_cents == PRICE
