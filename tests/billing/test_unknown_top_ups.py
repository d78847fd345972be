"""A top-up of which no one knows whether it was paid."""

from typing import Any

from service.billing.entities import StripeRefused
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
