"""Money in an invoice that no purchase of a user can follow: an operator is called, once for each
state of it.

In a file of its own because nothing is granted or taken here. What an operator was called for is
noted at Stripe, in the metadata of the invoice, since every event about it is looked at again."""

from collections.abc import Callable, Mapping

import structlog

from service.billing.entities import StripeRefused
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Invoice, InvoicePayment
from service.core.metrics import Metric, Metrics

log = structlog.get_logger()

CREDIT = "credit"
PARTS = "parts"
# With the id of the invoice it is a part of an idempotency key, which has at most 255 characters.
MAX_STATE = 150
UserOf = Callable[[str], str | None]
"""The user who is that customer, if it is one of ours."""
_GIVEN_UP = ("void", "uncollectible")
_FAILED_REFUNDS = ("failed", "canceled")


def note_of(alarm: str) -> str:
    """The key of the metadata that says for which state there was an alarm."""
    return f"{alarm}Alarm"


class InvoiceAlarms:
    """Safe to repeat. Each raises what `Stripe` and `user_of` raise, but for the refusal of a note:
    without one the next event raises the alarm again. Whoever else sells with this account of
    Stripe's has alarms of their own."""

    def __init__(self, stripe: Stripe, user_of: UserOf, metrics: Metrics) -> None:
        self._stripe = stripe
        self._user_of = user_of
        self._metrics = metrics

    def credits_unpaid(self, invoice: Invoice, unpaid: Mapping[str, str]) -> None:
        """It credits these invoices, by id with their status, that no one has paid. An empty id
        stands for a credit that names none."""
        if unpaid and invoice.status != "void":
            state = " ".join(f"{each}-{status}" for each, status in sorted(unpaid.items()))
            self._raise_once(invoice, CREDIT, state)

    def keeps_parts(self, invoice: Invoice) -> None:
        """It is no longer collected, and what was paid of it so far has not gone back: it brings
        nothing, since no period is paid for in full."""
        if invoice.status not in _GIVEN_UP:
            return
        left = sum(map(self._left_cents, invoice.paid_parts))
        if left > 0:
            self._raise_once(invoice, PARTS, f"{invoice.status}-{left}")

    def _left_cents(self, paid: InvoicePayment) -> int:
        """What was paid outside of Stripe's payments, no refund of Stripe's returns."""
        refunds = self._stripe.refunds_of(paid.intent_id) if paid.intent_id else ()
        returned = sum(each.amount_cents for each in refunds if each.status not in _FAILED_REFUNDS)
        return max(0, paid.paid_cents - returned)

    def _raise_once(self, invoice: Invoice, alarm: str, state: str) -> None:
        state = state[:MAX_STATE]
        is_noted = invoice.notes.get(note_of(alarm)) == state
        if is_noted or self._user_of(invoice.customer_id) is None:
            return
        log.error(
            "payment_needs_attention",
            payment_id=invoice.standing_id,
            invoice_id=invoice.id,
            alarm=alarm,
            state=state,
        )
        self._metrics.count(Metric.PAYMENT_ALARMS, alarm=alarm)
        noted = {"metadata": {note_of(alarm): state}}
        try:
            self._stripe.update_invoice(invoice.id, noted, f"{alarm}-{invoice.id}-{state}")
        except StripeRefused as refusal:
            log.warning("alarm_not_noted", invoice_id=invoice.id, reason=refusal.reason)
