"""A second subscription of one user: ended at once, and what it cost is paid back.

In a file of its own because nothing else cancels or refunds without a request. Checkouts that were
open before one another can both be paid; whoever pays twice has wanted one subscription. The older
one stays. What was found is stored first, at Stripe, in the metadata of the newer one, so that
whoever comes next goes on where another has stopped."""

from collections.abc import Iterable, Sequence

import structlog

from service.billing.entities import StripeRefused
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Invoice, Subscription
from service.core.metrics import Metric, Metrics
from service.entitlements.entities import entitled_by

log = structlog.get_logger()

SECOND_TO = "secondTo"
_ALARM = "second_subscription"
_FAILED_REFUNDS = ("failed", "canceled")


def seconds_of(found: Iterable[Subscription]) -> dict[str, str]:
    """By id, the subscriptions of one user that are second to another, and to which. Of those that
    Stripe has in force, the oldest is the first; one that no order of ours has begun is an
    operator's, and is left alone. One that was found before stays what it is."""
    subscriptions = list(found)
    known = {each.id: each.metadata[SECOND_TO] for each in subscriptions if is_second(each)}
    in_force = [
        each for each in subscriptions if entitled_by(each.status).permits and each.id not in known
    ]
    in_force.sort(key=lambda each: (each.created_at, each.id))
    newer = {each.id: in_force[0].id for each in in_force[1:] if each.metadata.get("orderId")}
    return known | newer


def is_second(subscription: Subscription) -> bool:
    """Whether it was found to be a second one."""
    return bool(subscription.metadata.get(SECOND_TO))


class SecondSubscriptions:
    """Safe to repeat, and side by side. Raises what `Stripe` raises."""

    def __init__(self, stripe: Stripe, metrics: Metrics) -> None:
        self._stripe = stripe
        self._metrics = metrics

    def end(self, found: Sequence[Subscription]) -> frozenset[str]:
        """Cancels each subscription that is second to another, and pays its first invoice back.
        Returns their ids. One that has been renewed already is left to an operator, after an
        alarm."""
        seconds = seconds_of(found)
        by_id = {each.id: each for each in found}
        ended = (self._end(by_id[each], first) for each, first in seconds.items())
        return frozenset(each for each in ended if each)

    def refund(self, intent_id: str) -> None:
        """Pays back what has come of that payment and has not been paid back. A refusal is an
        alarm."""
        intent = self._stripe.retrieve_payment_intent(intent_id)
        refunded = sum(
            each.amount_cents
            for each in self._stripe.refunds_of(intent_id)
            if each.status not in _FAILED_REFUNDS
        )
        if intent.received_cents <= refunded:
            return
        params = {"payment_intent": intent_id, "reason": "duplicate"}
        try:
            self._stripe.create_refund(params, f"second-{intent_id}")
        except StripeRefused as refusal:
            self._alarm(payment_id=intent_id, reason=refusal.reason)

    def _end(self, subscription: Subscription, first: str) -> str:
        invoice = self._invoice_of(subscription)
        if invoice is not None and invoice.billing_reason != "subscription_create":
            self._alarm(subscription_id=subscription.id, reason="renewed")
            return ""
        if not is_second(subscription):
            # Stripe takes no change of one that is canceled.
            self._record(subscription.id, first)
        if entitled_by(subscription.status).permits:
            log.warning("second_subscription_ended", subscription_id=subscription.id, first=first)
            self._stripe.cancel_subscription(subscription.id)
        if invoice is not None:
            self._pay_back(invoice)
        return subscription.id

    def _invoice_of(self, subscription: Subscription) -> Invoice | None:
        if not subscription.latest_invoice_id:
            return None
        return self._stripe.retrieve_invoice(subscription.latest_invoice_id)

    def _pay_back(self, invoice: Invoice) -> None:
        """A payment on its way is paid back when it arrives."""
        for intent_id in invoice.payment_intent_ids:
            self.refund(intent_id)
        if invoice.status == "paid" and invoice.total_cents and not invoice.payment_intent_ids:
            self._alarm(invoice_id=invoice.id, reason="paid from the balance")

    def _record(self, subscription_id: str, first: str) -> None:
        params = {"metadata": {SECOND_TO: first}}
        self._stripe.update_subscription(subscription_id, params, f"second-{subscription_id}")

    def _alarm(self, **facts: str) -> None:
        log.error("payment_needs_attention", alarm=_ALARM, **facts)
        self._metrics.count(Metric.PAYMENT_ALARMS, alarm=_ALARM)
