"""Whether a payment at Stripe and its purchase here say the same. Pure.

In a file of its own because these rules decide what finance has to look into."""

from collections.abc import Iterator

from service.billing.money_back import (
    Loss,
    credited_cents,
    part_disputed_cents,
    part_refunded_cents,
    parts_of,
    target_of,
)
from service.billing.purchases import PaymentFacts, Purchase
from service.billing.stripe_objects import BalanceTransaction
from service.core.amounts import credits_text
from service.finance.entities import Difference, Mismatch


def charge_differences(charge: BalanceTransaction, purchase: Purchase) -> Iterator[Difference]:
    """Where a charge is not what its purchase says it has paid, in the currency of the payment."""
    if charge.source_currency != purchase.currency:
        yield _difference(purchase, Mismatch.CURRENCY, charge.source_currency, purchase.currency)
    paid = purchase.cents_of(charge.payment_intent_id)
    if charge.source_cents != paid:
        yield _difference(purchase, Mismatch.AMOUNT, charge.source_cents, paid)


def money_back_differences(facts: PaymentFacts, purchase: Purchase) -> Iterator[Difference]:
    """Where refunds, disputes and credit, as they stand at Stripe now, are not what the purchase
    follows, or where its credits do not follow the purchase."""
    parts = parts_of(facts, purchase)
    refunded = sum(part_refunded_cents(part, purchase) for part in parts)
    disputed = sum(part_disputed_cents(part, purchase) for part in parts)
    if refunded != purchase.refunded_cents:
        yield _difference(purchase, Mismatch.REFUND, refunded, purchase.refunded_cents)
    if disputed != purchase.disputed_cents:
        yield _difference(purchase, Mismatch.DISPUTE, disputed, purchase.disputed_cents)
    credited = credited_cents(facts, purchase)
    if credited != purchase.credited_cents:
        yield _difference(purchase, Mismatch.CREDIT, credited, purchase.credited_cents)
    lost = Loss(
        refunded_cents=purchase.refunded_cents,
        disputed_cents=purchase.disputed_cents,
        warned_cents=purchase.warned_cents,
        overlap_cents=purchase.overlap_cents,
        credited_cents=purchase.credited_cents,
        unfunded_cents=purchase.unfunded_cents,
    )
    target = target_of(purchase, lost)
    if target != purchase.clawed_back:
        here = credits_text(purchase.clawed_back)
        yield _difference(purchase, Mismatch.CREDITS, credits_text(target), here)


def is_returned(facts: PaymentFacts) -> bool:
    """Whether nothing is left of a payment that brought nothing: its money went back."""
    refunds = [each for each in facts.refunds if each.status not in ("failed", "canceled")]
    return sum(each.amount_cents for each in refunds) >= facts.own_cents


def not_granted(payment_id: str, cents: int, currency: str, user_id: str) -> Difference:
    return Difference(payment_id, Mismatch.NOT_GRANTED, f"{cents} {currency}", "", user_id)


def not_at_stripe(purchase: Purchase) -> Difference:
    here = f"{purchase.paid_cents} {purchase.currency}"
    return _difference(purchase, Mismatch.NOT_AT_STRIPE, "", here)


def _difference(
    purchase: Purchase, mismatch: Mismatch, at_stripe: object, here: object
) -> Difference:
    return Difference(purchase.payment_id, mismatch, str(at_stripe), str(here), purchase.user_id)
