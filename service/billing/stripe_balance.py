"""Reads Stripe's balance transactions into our own lines. Pure.

In a file of its own because they are about money alone: no purchase is settled by them."""

from service.billing.stripe_objects import BalanceTransaction
from service.billing.stripe_parsing import (
    Raw,
    flag,
    id_of,
    maybe_text,
    metadata,
    number,
    of_kind,
    part,
    text,
    time,
)


def balance_transaction(raw: Raw) -> BalanceTransaction:
    """`source` must have been expanded: it names the payment. A payout or a fee has none."""
    of_kind(raw, "balance_transaction")
    source = part(raw, "source")
    kind = maybe_text(source, "object")
    is_charge, is_payment = kind == "charge", kind in ("charge", "refund", "dispute")
    return BalanceTransaction(
        id=text(raw, "id"),
        kind=text(raw, "type"),
        category=text(raw, "reporting_category"),
        amount_cents=number(raw, "amount"),
        fee_cents=number(raw, "fee"),
        net_cents=number(raw, "net"),
        currency=text(raw, "currency"),
        source_id=id_of(raw, "source"),
        source_kind=kind,
        source_cents=number(source, "amount_captured" if is_charge else "amount")
        if is_payment
        else 0,
        source_currency=text(source, "currency") if is_payment else "",
        payment_intent_id=id_of(source, "payment_intent"),
        charge_id=id_of(source, "charge") if not is_charge else text(source, "id"),
        customer_id=id_of(source, "customer") if is_charge else "",
        metadata=metadata(source) if is_charge else {},
        livemode=flag(source, "livemode") if "livemode" in source else None,
        created_at=time(raw, "created"),
    )
