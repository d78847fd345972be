"""Reads what Stripe says of a payment now: how it stands, and all that has taken money of it back.

In a file of its own because it only reads: what follows from it is decided by `money_back`."""

from collections.abc import Iterator
from dataclasses import replace

from service.billing.purchases import OUTSIDE, PaidPart, PaymentFacts
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Invoice

INVOICE_PREFIX = "in_"


def facts_of(stripe: Stripe, payment_id: str) -> PaymentFacts:
    """An intent, or an invoice that was paid without one, as Stripe has it now. Raises what
    `Stripe` raises."""
    if payment_id.startswith(INVOICE_PREFIX):
        invoice = stripe.retrieve_invoice(payment_id)
        return _with_credits(stripe, PaymentFacts(payment_id=payment_id, invoice=invoice), invoice)
    facts = PaymentFacts(payment_id=payment_id, intent=stripe.retrieve_payment_intent(payment_id))
    if not facts.received_cents:
        return facts
    own = _part(stripe, payment_id, facts.received_cents)
    facts = replace(facts, refunds=own.refunds, disputes=own.disputes, warnings=own.warnings)
    return _with_credits(stripe, facts, stripe.invoice_of(payment_id))


def _part(stripe: Stripe, payment_id: str, paid_cents: int) -> PaidPart:
    return PaidPart(
        payment_id=payment_id,
        paid_cents=paid_cents,
        refunds=stripe.refunds_of(payment_id),
        disputes=stripe.disputes_of(payment_id),
        warnings=stripe.fraud_warnings_of(payment_id),
    )


def _others(stripe: Stripe, facts: PaymentFacts, invoice: Invoice) -> Iterator[PaidPart]:
    """What else has paid the invoice of a payment intent. One that it is not yet paid with has no
    others."""
    paid = {each.intent_id: each.paid_cents for each in invoice.paid_parts if each.intent_id}
    if facts.intent is None or facts.payment_id not in paid:
        return
    for payment_id, cents in paid.items():
        if payment_id != facts.payment_id:
            yield _part(stripe, payment_id, cents)
    outside = sum(each.paid_cents for each in invoice.paid_parts if not each.intent_id)
    if outside:
        yield PaidPart(payment_id=OUTSIDE, paid_cents=outside)


def _with_credits(stripe: Stripe, facts: PaymentFacts, invoice: Invoice | None) -> PaymentFacts:
    """Only the time of a subscription can be credited in a later invoice."""
    if invoice is None:
        return facts
    notes = stripe.credit_notes_of(invoice.id) if invoice.has_credit_notes else ()
    later = stripe.invoices_since(invoice) if invoice.subscription_id else ()
    others = tuple(_others(stripe, facts, invoice))
    facts = replace(facts, invoice=invoice, others=others)
    return replace(facts, credit_notes=notes, later_invoices=later)
