"""How much of a payment has gone back, and how many credits follow it (docs/billing.md, Money
back). Pure.

In a file of its own because this is the rule of all money back: everything is a function of what
Stripe says now, so that any sequence of events, and any repetition of them, ends the same."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.billing.purchases import PaymentFacts, Purchase
from service.billing.stripe_objects import Dispute, FraudWarning, Refund
from service.core.amounts import Amount
from service.core.days import DAY

WARNING_LIFE = 120 * DAY
# A warning that has outlived that, but for a dispute that is not over.
RECHECK_PAUSE = DAY
# A refund counts from the moment it is made; one that fails returns the money.
_UNDONE_REFUNDS = ("failed", "canceled")
_OVER = ("won", "lost", "warning_closed", "prevented")


@dataclass(frozen=True)
class Loss:
    """What of a payment is lost. `warned`: an early fraud warning stands, which counts as the whole
    payment; `recheck_at` is when it may count no more."""

    refunded_cents: int = 0
    disputed_cents: int = 0
    warned: bool = False
    recheck_at: int | None = None

    def cents(self, paid_cents: int) -> int:
        """At most what was paid."""
        warned_cents = paid_cents if self.warned else 0
        return min(paid_cents, self.refunded_cents + self.disputed_cents + warned_cents)


def loss_of(facts: PaymentFacts, purchase: Purchase, now: int) -> Loss:
    """What is lost of the payment as it stands at Stripe, judged at that time."""
    standing = standing_warnings(facts, purchase, now)
    ends = (each.created_at + WARNING_LIFE for each in standing)
    return Loss(
        refunded_cents=refunded_cents(facts.refunds, purchase),
        disputed_cents=sum(disputed_cents(each, purchase) for each in facts.disputes),
        warned=bool(standing),
        recheck_at=max(*ends, now + RECHECK_PAUSE) if standing else None,
    )


def target_of(purchase: Purchase, loss: Loss) -> Amount:
    """How much of what was granted must be clawed back altogether: the part that is lost of what
    was paid, rounded down. Of what cost nothing, nothing is lost."""
    if purchase.paid_cents <= 0:
        return 0
    return purchase.granted * loss.cents(purchase.paid_cents) // purchase.paid_cents


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


def standing_warnings(
    facts: PaymentFacts, purchase: Purchase, now: int
) -> tuple[FraudWarning, ...]:
    """The early fraud warnings that count: those that no operator has cleared, for 120 days, and
    longer while a dispute is under way. Once one is over, it says itself what is lost."""
    disputed = any(each.status not in _OVER for each in facts.disputes)
    return tuple(
        each
        for each in facts.warnings
        if each.id not in purchase.cleared and (disputed or now < each.created_at + WARNING_LIFE)
    )
