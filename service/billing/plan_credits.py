"""What a paid invoice of a subscription brings: the credits of the plan for the time that it bills,
a whole period's or a part of them. Pure.

In a file of its own because it is a rule of money, and knows neither Stripe nor a table."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.billing.stripe_objects import Invoice, InvoiceLine
from service.core.amounts import Amount
from service.entitlements.entities import Plan, Plans

SECOND = 1000
# Stripe closes the invoice of a renewal an hour after the period's end: until then the credits of
# the last one stay.
GRACE_MILLISECONDS = 24 * 3600 * SECOND
_REASONS = frozenset({"subscription_create", "subscription_cycle", "subscription_update"})


@dataclass(frozen=True)
class PlanCredits:
    """What an invoice brings, and the last time that it bills. Times are epoch milliseconds.
    `grant_id`: one grant for each subscription and start of a period, whichever invoice paid it, or
    one for an invoice of parts of a period."""

    grant_id: str
    amount: Amount
    starts_at: int
    ends_at: int

    def expiry(self, now: int) -> int:
        """When its credits expire. Those that come too late have the life that was meant."""
        until = self.ends_at + GRACE_MILLISECONDS
        return until if until > now else now + self.ends_at - self.starts_at


@dataclass(frozen=True)
class _Billed:
    """A line of an invoice, the plan that it bills, and the plan's credits for that time: negative
    where the invoice takes back what it bills itself."""

    line: InvoiceLine
    credits: Amount

    @property
    def is_period(self) -> bool:
        return not self.line.is_proration


def bills_plans(invoice: Invoice) -> bool:
    """Whether it is paid, and for the beginning, the renewal or a change of a subscription."""
    return invoice.status == "paid" and invoice.billing_reason in _REASONS


def plan_credits(invoice: Invoice, plans: Plans) -> PlanCredits | None:
    """The credits of the period that a paid invoice begins, if the plan's line is there in full,
    and of the parts of a period that a change of plan bills, in the share of the plan's price. What
    it credits of other invoices is money back of those. None where it brings nothing."""
    if not bills_plans(invoice):
        return None
    billed = list(_billed(invoice, plans))
    periods = [each for each in billed if each.is_period][:1]
    counted = periods + [each for each in billed if not each.is_period]
    amount = sum(each.credits for each in counted)
    if amount <= 0:
        return None
    last = max((each.line for each in counted), key=lambda line: line.period_end_at)
    return PlanCredits(
        grant_id=_grant_id(periods[0].line) if periods else invoice.id,
        amount=amount,
        starts_at=last.period_start_at,
        ends_at=last.period_end_at,
    )


def _grant_id(line: InvoiceLine) -> str:
    return f"{line.subscription_id}:{line.period_start_at // SECOND}"


def _billed(invoice: Invoice, plans: Plans) -> Iterator[_Billed]:
    for line in invoice.lines:
        plan = plans.by_price(line.price_id)
        if plan is None or not _is_of(invoice, line, plan):
            continue
        found = _share(invoice, line, plan) if line.is_proration else _whole(line, plan)
        if found:
            yield _Billed(line, found)


def _is_of(invoice: Invoice, line: InvoiceLine, plan: Plan) -> bool:
    has_time = line.period_end_at > line.period_start_at
    is_own = line.subscription_id == invoice.subscription_id
    return has_time and is_own and line.currency == plan.currency


def _whole(line: InvoiceLine, plan: Plan) -> Amount:
    """A trial, and a price below the plan's, bring nothing."""
    return plan.monthly_credits if line.amount_cents >= plan.amount_cents else 0


def _share(invoice: Invoice, line: InvoiceLine, plan: Plan) -> Amount:
    """A plan brings its credits once, whatever the quantity. What costs nothing, as with a coupon,
    brings nothing: no credit would take it back."""
    cents = line.amount_cents
    if cents < 0 and line.credited_invoice_id not in ("", invoice.id):
        return 0
    if plan.amount_cents <= 0 or line.quantity <= 0 or (cents > 0 and line.total_cents <= 0):
        return 0
    full = plan.amount_cents * line.quantity
    share: Amount = plan.monthly_credits * min(abs(cents), full) // full
    return share if cents > 0 else -share
