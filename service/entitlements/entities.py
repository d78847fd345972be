"""What a user is entitled to: plans, the present state of a subscription, and the rules between the
two. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import Amount
from service.core.errors import Forbidden


class EntitlementStatus(StrEnum):
    """The state of a subscription as apps see it. `past_due`: a payment has failed and is tried
    again, so the plan's operations stay permitted until Stripe stops trying."""

    ACTIVE = "active"
    TRIALING = "trialing"
    PAST_DUE = "past_due"
    CANCELED = "canceled"
    NONE = "none"

    @property
    def permits(self) -> bool:
        """Whether what the plan permits may be requested."""
        return self in PERMITTING


# Best first: of several subscriptions the first in this order counts.
_RANKS = (
    EntitlementStatus.ACTIVE,
    EntitlementStatus.TRIALING,
    EntitlementStatus.PAST_DUE,
    EntitlementStatus.CANCELED,
    EntitlementStatus.NONE,
)
PERMITTING = frozenset(_RANKS[:3])
# Stripe's words (https://docs.stripe.com/api/subscriptions/object, `status`). An incomplete
# subscription has never been paid for; an unpaid or paused one permits nothing, and may come back.
_OF_STRIPE: Mapping[str, EntitlementStatus] = {
    "active": EntitlementStatus.ACTIVE,
    "trialing": EntitlementStatus.TRIALING,
    "past_due": EntitlementStatus.PAST_DUE,
    "unpaid": EntitlementStatus.CANCELED,
    "paused": EntitlementStatus.CANCELED,
    "canceled": EntitlementStatus.CANCELED,
    "incomplete": EntitlementStatus.NONE,
    "incomplete_expired": EntitlementStatus.NONE,
}


class SubscriptionRequired(Forbidden):
    """Nothing was written, and an idempotency key stays free."""

    code = "SUBSCRIPTION_REQUIRED"
    summary = "This is for subscribers only. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {
        "operation": "kling:image-to-video",
        "plans": ["pro"],
        "status": "none",
    }
    advice = (
        "Subscribe to one of `details.plans` (`POST /stripe/checkout` with its `priceId`), then "
        "repeat, with the same `Idempotency-Key` if you sent one."
    )


class EntitlementChanged(Exception):
    """Someone else has written the entitlement since it was read."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is sold as a subscription. `price_id` names it at Stripe, `amount_cents` is what a
    period costs there. `operations` are those that need this plan or another with them; the
    limits hold for these (0: those of every user). One that is `retired` is sold to no one, and
    brings whoever subscribed to it before what it always has."""

    plan_id: str
    name: str
    price_id: str
    amount_cents: int
    currency: str
    monthly_credits: Amount
    trial_days: int = 0
    trial_credits: Amount = 0
    operations: frozenset[str] = frozenset()
    max_open_jobs: int = 0
    max_credits_per_day: Amount = 0
    retired: bool = False


class Plans:
    """Every plan, those that are retired included. An operation that any of them lists is for
    subscribers only."""

    def __init__(self, plans: Iterable[Plan] = ()) -> None:
        """Raises `ValueError` for two plans of one id or price."""
        self.all = tuple(plans)
        self._by_price = {plan.price_id: plan for plan in self.all}
        if not len(self._by_price) == len({plan.plan_id for plan in self.all}) == len(self.all):
            raise ValueError("two plans have the same id or price")
        self._restricted = frozenset(each for plan in self.all for each in plan.operations)

    def by_price(self, price_id: str) -> Plan | None:
        """None for a price that is no plan's."""
        return self._by_price.get(price_id)

    @property
    def on_sale(self) -> tuple[Plan, ...]:
        return tuple(plan for plan in self.all if not plan.retired)

    def is_restricted(self, operation: str) -> bool:
        """Whether only subscribers may request it."""
        return operation in self._restricted

    def with_operation(self, operation: str) -> tuple[Plan, ...]:
        """The plans on sale that permit it."""
        return tuple(plan for plan in self.on_sale if operation in plan.operations)


def entitled_by(status: str) -> EntitlementStatus:
    """What a subscription in that state at Stripe entitles to. A word that this release does not
    know permits nothing."""
    return _OF_STRIPE.get(status, EntitlementStatus.NONE)


@dataclass(frozen=True, kw_only=True)
class SubscriptionFacts:
    """A subscription as Stripe has it now. Times are epoch milliseconds, 0 where there is none."""

    subscription_id: str
    status: str
    price_id: str
    period_start_at: int
    period_end_at: int
    trial_ends_at: int = 0
    cancels_at_period_end: bool = False
    created_at: int = 0

    @property
    def entitled(self) -> EntitlementStatus:
        return entitled_by(self.status)


@dataclass(frozen=True, kw_only=True)
class Entitlement:
    """What a user's best subscription entitles them to. `price_id` is the plan's price at Stripe;
    `version` counts the writes, 0 where there was none. Times are epoch milliseconds, None where
    there is none."""

    user_id: str
    status: EntitlementStatus = EntitlementStatus.NONE
    price_id: str | None = None
    subscription_id: str | None = None
    period_start_at: int | None = None
    period_end_at: int | None = None
    trial_ends_at: int | None = None
    cancels_at_period_end: bool = False
    updated_at: int | None = None
    version: int = 0

    @property
    def permits(self) -> bool:
        """Whether what the plan permits may be requested now."""
        return self.status.permits


@dataclass(frozen=True)
class OperationTerms:
    """Under what a user may request an operation: their plan's limits, 0 for those of every
    user."""

    max_open_jobs: int = 0
    max_credits_per_day: Amount = 0


def best_of(found: Iterable[SubscriptionFacts]) -> SubscriptionFacts | None:
    """The subscription that counts: by status, then the one with the latest end of its period,
    then the newest. One that was never paid for does not count."""
    counting = [each for each in found if each.entitled is not EntitlementStatus.NONE]
    return min(
        counting,
        key=lambda each: (
            _RANKS.index(each.entitled),
            -each.period_end_at,
            -each.created_at,
            each.subscription_id,
        ),
        default=None,
    )


def entitlement_after(
    before: Entitlement, found: Iterable[SubscriptionFacts], now: int
) -> Entitlement:
    """The next version, by what Stripe has of all of the user's subscriptions. Which events led
    here does not matter."""
    best, version = best_of(found), before.version + 1
    if best is None:
        return Entitlement(user_id=before.user_id, updated_at=now, version=version)
    return Entitlement(
        user_id=before.user_id,
        status=best.entitled,
        price_id=best.price_id or None,
        subscription_id=best.subscription_id,
        period_start_at=best.period_start_at or None,
        period_end_at=best.period_end_at or None,
        trial_ends_at=best.trial_ends_at or None,
        cancels_at_period_end=best.cancels_at_period_end,
        updated_at=now,
        version=version,
    )


def terms_of(plans: Plans, operation: str, entitlement: Entitlement) -> OperationTerms:
    """Under what the user may request an operation for subscribers. Raises
    `SubscriptionRequired`."""
    plan = plans.by_price(entitlement.price_id or "") if entitlement.permits else None
    if plan is None or operation not in plan.operations:
        raise SubscriptionRequired(
            details={
                "operation": operation,
                "plans": [each.plan_id for each in plans.with_operation(operation)],
                "status": entitlement.status.value,
            }
        )
    return OperationTerms(plan.max_open_jobs, plan.max_credits_per_day)


class TrialOutcome(StrEnum):
    """What became of the credits of a trial."""

    GRANTED = "granted"
    # The person or the card has had a trial before; the subscription goes on.
    USED_BEFORE = "used_before"
    # Without a card, or when the trial is over: nothing to grant.
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The trial of one subscription. The card's fingerprint is Stripe's: one number for one card,
    whoever pays with it."""

    user_id: str
    subscription_id: str
    card_fingerprint: str = field(repr=False)
    amount: Amount
    ends_at: int
