"""What an invoice of a subscription brings: the plan's credits, once per subscription and period.
Pure.

In a file of its own because it is a rule of money, and knows neither Stripe nor a table."""

from dataclasses import dataclass

from service.billing.stripe_objects import Invoice, InvoiceLine
from service.entitlements.entities import Plan, Plans

SECOND = 1000
# Stripe closes the invoice of a renewal an hour after the period's end: until then the credits of
# the last one stay.
GRACE_MILLISECONDS = 24 * 3600 * SECOND
# A change of plan in the middle of a period brings nothing: it takes effect with the next one.
_REASONS = frozenset({"subscription_create", "subscription_cycle"})


@dataclass(frozen=True)
class PlanPeriod:
    """A period of a plan that is paid for. Times are epoch milliseconds."""

    plan: Plan
    subscription_id: str
    starts_at: int
    ends_at: int

    @property
    def grant_id(self) -> str:
        """One grant for each subscription and start of a period, whichever invoice paid it."""
        return f"{self.subscription_id}:{self.starts_at // SECOND}"

    def expiry(self, now: int) -> int:
        """When its credits expire. Those that come too late have the life that was meant."""
        until = self.ends_at + GRACE_MILLISECONDS
        return until if until > now else now + self.ends_at - self.starts_at


def begins_period(invoice: Invoice) -> bool:
    """Whether it is paid, and for the beginning or the renewal of a subscription."""
    return invoice.status == "paid" and invoice.billing_reason in _REASONS


def paid_period(invoice: Invoice, plans: Plans) -> PlanPeriod | None:
    """The period that a paid invoice begins or renews; None for every other invoice. The plan's
    line must be there in full: a part of a period, and a trial, bring nothing."""
    if not begins_period(invoice):
        return None
    found = (_of_line(invoice, line, plans) for line in invoice.lines)
    return next((period for period in found if period is not None), None)


def _of_line(invoice: Invoice, line: InvoiceLine, plans: Plans) -> PlanPeriod | None:
    plan = plans.by_price(line.price_id)
    if plan is None or line.is_proration or line.subscription_id != invoice.subscription_id:
        return None
    is_full = line.amount_cents >= plan.amount_cents and line.currency == plan.currency
    if not is_full or line.period_end_at <= line.period_start_at:
        return None
    return PlanPeriod(plan, line.subscription_id, line.period_start_at, line.period_end_at)
