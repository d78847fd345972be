"""Reads Stripe's invoices and credit notes into our own objects. Pure.

In a file of its own because they say what a payment was for and what was credited of it, which
nothing else of Stripe's does."""

from collections.abc import Iterable

from service.billing.stripe_objects import CreditNote, Invoice, InvoiceLine, InvoicePayment
from service.billing.stripe_parsing import (
    Raw,
    flag,
    id_of,
    maybe_text,
    metadata,
    number,
    of_kind,
    part,
    rows,
    text,
    time,
)

_CREDIT_NOTES = ("pre_payment_credit_notes_amount", "post_payment_credit_notes_amount")


def invoice(raw: Raw) -> Invoice:
    """`payments` must have been expanded, or they are unknown."""
    of_kind(raw, "invoice")
    of_subscription = part(part(raw, "parent"), "subscription_details")
    lines = part(raw, "lines")
    payments = part(raw, "payments")
    return Invoice(
        id=text(raw, "id"),
        status=text(raw, "status"),
        billing_reason=maybe_text(raw, "billing_reason"),
        total_cents=number(raw, "total"),
        paid_cents=number(raw, "amount_paid"),
        currency=text(raw, "currency"),
        customer_id=id_of(raw, "customer"),
        subscription_id=id_of(of_subscription, "subscription"),
        payments=standing_payments(map(invoice_payment, rows(payments.get("data")))),
        all_payments=not payments.get("has_more"),
        lines=tuple(map(invoice_line, rows(lines.get("data")))),
        all_lines=not lines.get("has_more"),
        from_balance_cents=_from_balance(raw),
        has_credit_notes=any(number(raw, name) > 0 for name in _CREDIT_NOTES),
        metadata=metadata(of_subscription),
        notes=metadata(raw),
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def _from_balance(raw: Raw) -> int:
    """A credit balance is negative at Stripe. Before it is finalized, nothing was paid."""
    if raw.get("ending_balance") is None:
        return 0
    return number(raw, "ending_balance") - number(raw, "starting_balance")


def invoice_payment(raw: Raw) -> InvoicePayment:
    """The amount is null until it is paid."""
    of_kind(raw, "invoice_payment")
    status = text(raw, "status")
    return InvoicePayment(
        id=text(raw, "id"),
        status=status,
        paid_cents=number(raw, "amount_paid") if status == "paid" else 0,
        intent_id=id_of(part(raw, "payment"), "payment_intent"),
        created_at=time(raw, "created"),
    )


def standing_payments(found: Iterable[InvoicePayment]) -> tuple[InvoicePayment, ...]:
    """In the same sequence whenever they are read: the paid ones, then the others, each the oldest
    first. One that was canceled pays nothing."""
    kept = (each for each in found if each.status != "canceled")
    return tuple(sorted(kept, key=lambda each: (each.status != "paid", each.created_at, each.id)))


def invoice_line(raw: Raw) -> InvoiceLine:
    parent, period = part(raw, "parent"), part(raw, "period")
    item = part(parent, "subscription_item_details") or part(parent, "invoice_item_details")
    credited = part(part(item, "proration_details"), "credited_items")
    quantity = raw.get("quantity")
    discounts = rows(raw.get("discount_amounts"))
    taxes = [each for each in rows(raw.get("taxes")) if each.get("tax_behavior") == "exclusive"]
    return InvoiceLine(
        id=text(raw, "id"),
        amount_cents=number(raw, "amount"),
        total_cents=number(raw, "amount") - _sum(discounts) + _sum(taxes),
        currency=text(raw, "currency"),
        price_id=id_of(part(part(raw, "pricing"), "price_details"), "price"),
        subscription_id=id_of(item, "subscription"),
        quantity=1 if quantity is None else number(raw, "quantity"),
        is_proration=bool(item.get("proration")),
        credited_invoice_id=id_of(credited, "invoice"),
        period_start_at=time(period, "start"),
        period_end_at=time(period, "end"),
    )


def _sum(amounts: Iterable[Raw]) -> int:
    return sum(number(each, "amount") for each in amounts)


def credit_note(raw: Raw) -> CreditNote:
    """A refund outside of Stripe is none of the refunds that Stripe lists, and counts as credit."""
    of_kind(raw, "credit_note")
    refunds = [each for each in rows(raw.get("refunds")) if each.get("refund") is not None]
    return CreditNote(
        id=text(raw, "id"),
        status=text(raw, "status"),
        amount_cents=number(raw, "amount"),
        pre_payment_cents=number(raw, "pre_payment_amount"),
        currency=text(raw, "currency"),
        invoice_id=id_of(raw, "invoice"),
        refunds={id_of(each, "refund"): number(each, "amount_refunded") for each in refunds},
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def invoice_of_payment(raw: Raw) -> str:
    """The id of the invoice that a payment belongs to."""
    of_kind(raw, "invoice_payment")
    return id_of(raw, "invoice")
