"""How much of a payment has gone back, and how many credits follow it (docs/billing.md, Money
back). Pure.

In a file of its own because this is the rule of all money back: everything is a function of what
Stripe says now, so that any sequence of events, and any repetition of them, ends the same."""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace

from service.billing.purchases import PaidPart, PaymentFacts, Purchase
from service.billing.stripe_objects import CreditNote, Dispute, FraudWarning, Invoice, Refund
from service.core.amounts import Amount
from service.core.days import DAY

WARNING_LIFE = 120 * DAY
# A warning that has outlived that, but for a dispute that is not over.
RECHECK_PAUSE = DAY
# A refund counts from the moment it is made; one that fails returns the money.
_UNDONE_REFUNDS = ("failed", "canceled")
# A draft and its lines can still be deleted; what is void has credited nothing.
_FINAL = ("open", "paid", "uncollectible")
_OVER = ("won", "lost", "warning_closed", "prevented")


@dataclass(frozen=True)
class Loss:
    """What of a payment is lost. `warned_cents` are of payments of which an early fraud warning
    stands, each as a whole; `recheck_at` is when one may count no more. `overlap_cents` are lost
    more than once, as by a refund and a dispute. `credited_cents` were returned as credit;
    `unfunded_cents` were paid with credit that no one has paid for."""

    refunded_cents: int = 0
    disputed_cents: int = 0
    warned_cents: int = 0
    overlap_cents: int = 0
    credited_cents: int = 0
    unfunded_cents: int = 0
    recheck_at: int | None = None

    def cents(self, purchase: Purchase) -> int:
        """From 0 to what the purchase was worth."""
        money = self.refunded_cents + self.disputed_cents + self.warned_cents
        returned = money - self.overlap_cents + self.credited_cents + self.unfunded_cents
        return max(0, min(purchase.worth_cents, returned))


def loss_of(facts: PaymentFacts, purchase: Purchase, now: int) -> Loss:
    """What is lost of the payment as it stands at Stripe, judged at that time."""
    parts = [_part_lost(part, purchase, now) for part in parts_of(facts, purchase)]
    return Loss(
        refunded_cents=sum(each.refunded_cents for each in parts),
        disputed_cents=sum(each.disputed_cents for each in parts),
        warned_cents=sum(each.warned_cents for each in parts),
        overlap_cents=sum(each.overlap_cents for each in parts),
        credited_cents=credited_cents(facts, purchase),
        unfunded_cents=min(purchase.moved_cents, facts.unfunded_cents),
        recheck_at=min((each.recheck_at for each in parts if each.recheck_at), default=None),
    )


def parts_of(facts: PaymentFacts, purchase: Purchase) -> tuple[PaidPart, ...]:
    """The payment itself, and what else has paid its invoice: of each no more can be lost than it
    has paid."""
    own = PaidPart(
        payment_id=facts.payment_id,
        paid_cents=purchase.paid_cents - sum(each.paid_cents for each in facts.others),
        refunds=facts.refunds,
        disputes=facts.disputes,
        warnings=facts.warnings,
    )
    return own, *facts.others


def _part_lost(part: PaidPart, purchase: Purchase, now: int) -> Loss:
    standing = standing_warnings(part, purchase, now)
    refunded = part_refunded_cents(part, purchase)
    disputed = part_disputed_cents(part, purchase)
    warned = part.paid_cents if standing else 0
    ends = (each.created_at + WARNING_LIFE for each in standing)
    return Loss(
        refunded_cents=refunded,
        disputed_cents=disputed,
        warned_cents=warned,
        overlap_cents=max(0, refunded + disputed + warned - part.paid_cents),
        recheck_at=max(*ends, now + RECHECK_PAUSE) if standing else None,
    )


def part_refunded_cents(part: PaidPart, purchase: Purchase) -> int:
    """What was refunded of it; see `refunded_cents`."""
    return refunded_cents(part.refunds, replace(purchase, paid_cents=part.paid_cents))


def part_disputed_cents(part: PaidPart, purchase: Purchase) -> int:
    """What all its disputes have withdrawn; see `disputed_cents`."""
    own = replace(purchase, paid_cents=part.paid_cents)
    return sum(disputed_cents(each, own) for each in part.disputes)


def target_of(purchase: Purchase, loss: Loss) -> Amount:
    """How much of what was granted must be clawed back altogether: the part that is lost of what
    was paid for it, rounded down. Of what cost nothing, nothing is lost."""
    if purchase.worth_cents <= 0:
        return 0
    return purchase.granted * loss.cents(purchase) // purchase.worth_cents


def moved_cents(facts: PaymentFacts) -> int:
    """What else than the payment has paid its invoice: the customer's balance, and credit for
    unused time of other invoices. What credit notes took off it before it was paid counts here and
    as credited: no one has paid for that part."""
    if facts.invoice is None:
        return 0
    notes = sum(each.pre_payment_cents for each in _issued(facts.credit_notes))
    return max(0, carried_cents(facts.invoice) + notes)


def carried_cents(invoice: Invoice) -> int:
    """What the customer's balance and credit of other invoices have paid of it."""
    carried = _credited_in(invoice, lambda credited: credited not in ("", invoice.id))
    return invoice.from_balance_cents + carried


def credited_cents(facts: PaymentFacts, purchase: Purchase) -> int:
    """What of the payment's invoice was credited: by credit notes, without what they returned as
    refunds that count by themselves, and for unused time. A credit within the invoice itself is a
    part of its total. One in another currency counts as the whole."""
    counted = {refund.id for part in parts_of(facts, purchase) for refund in part.refunds}
    notes = sum(
        _less_refunds(each, counted) if each.currency == purchase.currency else purchase.worth_cents
        for each in _issued(facts.credit_notes)
    )
    return notes + unused_cents(facts.invoice_id, facts.later_invoices)


def unused_cents(invoice_id: str, found: Iterable[Invoice]) -> int:
    """What the others of these invoices credit for unused time of that one."""
    return sum(
        _credited_in(each, lambda credited: credited == invoice_id)
        for each in found
        if each.id != invoice_id and each.status in _FINAL
    )


def _issued(notes: Iterable[CreditNote]) -> Iterator[CreditNote]:
    return (each for each in notes if each.status != "void")


def _less_refunds(note: CreditNote, counted: Set[str]) -> int:
    refunds = sum(cents for refund_id, cents in note.refunds.items() if refund_id in counted)
    return max(0, note.amount_cents - refunds)


def _credited_in(invoice: Invoice, is_wanted: Callable[[str], bool]) -> int:
    """What its lines credit of the invoices that are wanted."""
    return -sum(
        each.total_cents
        for each in invoice.lines
        if each.total_cents < 0 and is_wanted(each.credited_invoice_id)
    )


def refunded_cents(refunds: Iterable[Refund], purchase: Purchase) -> int:
    """The sum of all refunds that have not failed. One in another currency counts as the whole."""
    standing = (each for each in refunds if each.status not in _UNDONE_REFUNDS)
    return sum(
        each.amount_cents if each.currency == purchase.currency else purchase.paid_cents
        for each in standing
    )


def disputed_cents(dispute: Dispute, purchase: Purchase) -> int:
    """What a dispute has withdrawn and not reinstated. Its movements are in the currency of our
    balance, which need not be that of the payment, so the dispute's own amount counts, or the part
    of it that is still withdrawn. In another currency than the payment it counts as the whole."""
    withdrawals = [-each.amount_cents for each in dispute.movements if each.amount_cents < 0]
    left = -sum(each.amount_cents for each in dispute.movements)
    is_reinstated = any(each.amount_cents > 0 for each in dispute.movements)
    if left <= 0 or (is_reinstated and dispute.status == "won"):
        return 0
    if dispute.currency != purchase.currency:
        return purchase.paid_cents
    whole = max(withdrawals)
    return -(-dispute.amount_cents * min(left, whole) // whole)


def standing_warnings(part: PaidPart, purchase: Purchase, now: int) -> tuple[FraudWarning, ...]:
    """The early fraud warnings that count: those that no operator has cleared, for 120 days, and
    longer while a dispute is under way. Once one is over, it says itself what is lost."""
    disputed = any(each.status not in _OVER for each in part.disputes)
    return tuple(
        each
        for each in part.warnings
        if each.id not in purchase.cleared and (disputed or now < each.created_at + WARNING_LIFE)
    )
