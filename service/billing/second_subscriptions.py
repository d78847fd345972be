"""A second subscription of one user: ended at once, and what it cost is paid back.

In a file of its own because nothing else cancels or refunds without a request. Checkouts that were
open before one another can both be paid; whoever pays twice has wanted one subscription. The older
one stays. What was found is stored first, at Stripe, in the metadata of the newer one, so that
whoever comes next goes on where another has stopped."""

from collections.abc import Callable, Iterable, Sequence

import structlog

from service.billing.entities import StripeRefused
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Invoice, PaymentIntent, Subscription
from service.core.metrics import Metric, Metrics
from service.entitlements.entities import entitled_by

log = structlog.get_logger()

SECOND_TO = "secondTo"
# Which other subscription an operator was called for.
LEFT_WITH = "leftWith"
# Of a payment: for which state of its refunds an operator was called.
REFUND_LEFT = "refundLeft"
# A checkout is open for a day at the most.
OVERLAP_MILLISECONDS = 24 * 3600 * 1000
MAX_REFUNDS = 3
_ALARM = "second_subscription"
_FAILED_REFUNDS = ("failed", "canceled")

HasBrought = Callable[[str], bool]
"""Whether the payment of that id has brought credits."""


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


def may_overlap(subscription: Subscription, found: Iterable[Subscription]) -> bool:
    """Whether its checkout may have been open before an older one in force was paid. Whoever
    subscribes later has done so knowingly, as while the older one was unpaid or paused."""
    return any(
        0 <= subscription.created_at - each.created_at <= OVERLAP_MILLISECONDS
        for each in found
        if each.id != subscription.id and entitled_by(each.status).permits
    )


class SecondSubscriptions:
    """Safe to repeat, and side by side. Raises what `Stripe` and `has_brought` raise."""

    def __init__(self, stripe: Stripe, metrics: Metrics, has_brought: HasBrought) -> None:
        self._stripe = stripe
        self._metrics = metrics
        self._has_brought = has_brought

    def end(self, found: Sequence[Subscription]) -> frozenset[str]:
        """Cancels each subscription that is second to another, and pays its first invoice back.
        Returns their ids. One that has been renewed, or that is in use and was not begun at the
        time of an older one, is left to an operator, after an alarm."""
        by_id = {each.id: each for each in found}
        ended: set[str] = set()
        for each, first in seconds_of(found).items():
            invoice = self._invoice_of(by_id[each])
            if reason := self._reason_to_leave(by_id[each], invoice, found):
                self._leave(by_id[each], first, reason)
            else:
                self._end(by_id[each], invoice, first)
                ended.add(each)
        return frozenset(ended)

    def refund(self, intent_id: str) -> None:
        """Pays back what has come of that payment and has not been paid back. A refusal is an
        alarm, and so is a refund that has failed: one for each state of its refunds, however often
        they are reconciled."""
        intent = self._stripe.retrieve_payment_intent(intent_id)
        refunds = self._stripe.refunds_of(intent_id)
        failed = {each.id for each in refunds if each.status in _FAILED_REFUNDS}
        refunded = sum(each.amount_cents for each in refunds if each.id not in failed)
        if intent.received_cents <= refunded:
            return
        if len(failed) >= MAX_REFUNDS:
            self._leave_refund(intent, "refunds failed", len(refunds))
            return
        params = {"payment_intent": intent_id, "reason": "duplicate"}
        try:
            # Stripe repeats its response to a key, though that refund has failed since.
            made = self._stripe.create_refund(params, f"second-{intent_id}-{len(refunds)}")
        except StripeRefused as refusal:
            self._leave_refund(intent, refusal.reason, len(refunds))
            return
        if made.id in failed or made.status in _FAILED_REFUNDS:
            self._leave_refund(intent, "refund failed", len(refunds))

    def _leave_refund(self, intent: PaymentIntent, reason: str, refunds: int) -> None:
        """The payment keeps it: a subscription that is canceled takes no change."""
        state = f"{reason}-{refunds}"
        if intent.metadata.get(REFUND_LEFT) == state:
            return
        self._alarm(payment_id=intent.id, reason=reason)
        params = {"metadata": {REFUND_LEFT: state}}
        self._stripe.update_payment_intent(intent.id, params, f"left-{intent.id}-{state}")

    def _reason_to_leave(
        self, subscription: Subscription, invoice: Invoice | None, found: Sequence[Subscription]
    ) -> str:
        """Empty for one that is to be ended, or whose end was begun."""
        if invoice is not None and invoice.billing_reason != "subscription_create":
            return "renewed"
        if is_second(subscription) or may_overlap(subscription, found):
            return ""
        return "in use" if self._is_used(subscription, invoice) else ""

    def _is_used(self, subscription: Subscription, invoice: Invoice | None) -> bool:
        """Whether it may have brought credits, which may be spent."""
        if subscription.trial_ends_at:
            return True
        return invoice is not None and any(
            self._has_brought(each) for each in (invoice.id, *invoice.payment_intent_ids)
        )

    def _leave(self, subscription: Subscription, first: str, reason: str) -> None:
        """One alarm for each two subscriptions, however often they are reconciled."""
        if subscription.metadata.get(LEFT_WITH) == first:
            return
        self._alarm(subscription_id=subscription.id, first=first, reason=reason)
        if entitled_by(subscription.status).permits:
            params = {"metadata": {LEFT_WITH: first}}
            key = f"left-{subscription.id}-{first}"
            self._stripe.update_subscription(subscription.id, params, key)

    def _end(self, subscription: Subscription, invoice: Invoice | None, first: str) -> None:
        if not is_second(subscription):
            if invoice is not None and _is_paid_otherwise(invoice):
                self._alarm(invoice_id=invoice.id, reason="paid from the balance")
            # Stripe takes no change of one that is canceled.
            self._record(subscription.id, first)
        if entitled_by(subscription.status).permits:
            log.warning("second_subscription_ended", subscription_id=subscription.id, first=first)
            self._stripe.cancel_subscription(subscription.id)
        # A payment on its way is paid back when it arrives.
        for intent_id in invoice.payment_intent_ids if invoice else ():
            self.refund(intent_id)

    def _invoice_of(self, subscription: Subscription) -> Invoice | None:
        if not subscription.latest_invoice_id:
            return None
        return self._stripe.retrieve_invoice(subscription.latest_invoice_id)

    def _record(self, subscription_id: str, first: str) -> None:
        params = {"metadata": {SECOND_TO: first}}
        self._stripe.update_subscription(subscription_id, params, f"second-{subscription_id}")

    def _alarm(self, **facts: str) -> None:
        log.error("payment_needs_attention", alarm=_ALARM, **facts)
        self._metrics.count(Metric.PAYMENT_ALARMS, alarm=_ALARM)


def _is_paid_otherwise(invoice: Invoice) -> bool:
    """Whether refunds of its payments return less than the buyer has lost: the rest came from the
    customer's balance, from the unused time of another subscription, or from outside."""
    credited = any(each.credited_invoice_id not in ("", invoice.id) for each in invoice.lines)
    has_cost = invoice.status == "paid" and invoice.total_cents > 0
    is_outside = has_cost and not invoice.payment_intent_ids
    return invoice.from_balance_cents > 0 or credited or is_outside
