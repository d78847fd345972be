"""Payments of automatic top-up that the buyer's bank wants confirmed (strong customer
authentication).

In a file of its own because their buyer pays them, and the worker takes them away before it pays
another."""

from dataclasses import replace

import structlog

from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.payments import Payments
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import PaymentIntent
from service.billing.top_up_entities import (
    CONFIRMABLE_MILLISECONDS,
    COOL_DOWN_MILLISECONDS,
    Confirmation,
    TopUp,
    confirmed,
)
from service.core.clock import Clock
from service.core.errors import FareboxError

log = structlog.get_logger()

_CONFIRMABLE = ("requires_action", "requires_confirmation", "requires_payment_method")


class Confirmations:
    """Each verb raises what `Stripe` raises."""

    def __init__(self, stripe: Stripe, payments: Payments, clock: Clock) -> None:
        self._stripe = stripe
        self._payments = payments
        self._clock = clock

    def of(self, top_up: TopUp) -> tuple[Confirmation | None, TopUp]:
        """What the user may confirm now, if anything, and the top-up as that leaves it: without a
        payment that has ended. One that has been confirmed is settled."""
        intent = self._stripe.retrieve_payment_intent(top_up.confirm_payment_id)
        if intent.metadata.get("userId") != top_up.user_id or intent.status == "canceled":
            return None, top_up.changed(confirm_payment_id="")
        if intent.status == "succeeded":
            is_settled = self._is_settled(intent)
            return None, confirmed(top_up, intent.amount_cents) if is_settled else top_up
        is_young = self._clock.now() < intent.created_at + CONFIRMABLE_MILLISECONDS
        if intent.status not in _CONFIRMABLE or not is_young:
            return None, top_up
        return _confirmation(intent, top_up), top_up

    def withdraw(self, top_up: TopUp) -> TopUp | None:
        """Makes sure that the payment is not made any more, so that the user does not pay it and
        another: None. Where it is made or on its way, the top-up as that leaves it: it is settled
        instead of another. Raises what the settlement raises."""
        intent = self._stripe.retrieve_payment_intent(top_up.confirm_payment_id)
        if intent.status in _CONFIRMABLE:
            try:
                intent = self._stripe.cancel_payment_intent(intent.id, self._key_of(intent))
            except StripeRefused as refusal:
                # The user has confirmed it at this moment.
                raise StripeUnavailable from refusal
        if intent.status == "canceled":
            return None
        if intent.status != "succeeded":
            return top_up.changed()
        self._payments.settle(intent.id)
        # What was refused before is no reason for another: these credits have come since.
        return replace(confirmed(top_up, intent.amount_cents), wanted=False)

    def _key_of(self, intent: PaymentIntent) -> str:
        """Another one in each hour: Stripe repeats its response to a key for a day, a failure too,
        and whoever cancels twice cancels once."""
        return f"cancel-{intent.id}-{self._clock.now() // COOL_DOWN_MILLISECONDS}"

    def _is_settled(self, intent: PaymentIntent) -> bool:
        try:
            self._payments.settle(intent.id)
        except FareboxError as error:
            # An event settles it, or the next request.
            log.warning("confirmed_top_up_not_settled", payment_id=intent.id, reason=error.code)
            return False
        return True


def _confirmation(intent: PaymentIntent, top_up: TopUp) -> Confirmation:
    return Confirmation(
        order_id=intent.metadata.get("orderId", ""),
        amount_cents=intent.amount_cents,
        currency=intent.currency,
        payment_method_id=intent.payment_method_id or top_up.payment_method_id,
        client_secret=intent.client_secret,
    )
