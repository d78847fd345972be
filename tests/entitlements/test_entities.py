"""What of several subscriptions counts, and what a plan permits."""

import pytest

from service.core.amounts import SCALE
from service.entitlements.entities import (
    Entitlement,
    EntitlementStatus,
    OperationTerms,
    Plan,
    Plans,
    SubscriptionFacts,
    SubscriptionRequired,
    best_of,
    entitlement_after,
    terms_of,
)

VIDEO = "kling:image-to-video"
NO_ONE = Entitlement(user_id="ann")


def subscription(status: str = "active", **changes: object) -> SubscriptionFacts:
    facts: dict[str, object] = {
        "subscription_id": "sub_1",
        "status": status,
        "price_id": "price_pro",
        "period_start_at": 1_000,
        "period_end_at": 2_000,
    }
    return SubscriptionFacts(**facts | changes)  # type: ignore[arg-type]


def plan(plan_id: str = "pro", **changes: object) -> Plan:
    facts: dict[str, object] = {
        "plan_id": plan_id,
        "name": plan_id,
        "price_id": f"price_{plan_id}",
        "amount_cents": 2_900,
        "currency": "usd",
        "monthly_credits": 200 * SCALE,
    }
    return Plan(**facts | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "status", "permits"),
    [
        ("active", "active", True),
        ("trialing", "trialing", True),
        ("past_due", "past_due", True),
        ("unpaid", "canceled", False),
        ("paused", "canceled", False),
        ("canceled", "canceled", False),
        ("incomplete", "none", False),
        ("incomplete_expired", "none", False),
        ("a word of the future", "none", False),
    ],
)
def test_each_of_stripes_words_has_one_of_ours(word: str, status: str, permits: bool) -> None:
    after = entitlement_after(NO_ONE, [subscription(word)], 5)
    assert (after.status.value, after.permits) == (status, permits)
    assert (after.subscription_id is None) == (status == "none")


def test_the_best_of_several_subscriptions_counts() -> None:
    found = [
        subscription("canceled", subscription_id="sub_old", period_end_at=9_000),
        subscription("incomplete", subscription_id="sub_open", period_end_at=9_500),
        subscription("past_due", subscription_id="sub_late", period_end_at=8_000),
        subscription("active", subscription_id="sub_short", period_end_at=3_000),
        subscription("active", subscription_id="sub_long", period_end_at=4_000),
    ]
    order = ["sub_long", "sub_short", "sub_late", "sub_old"]
    for best in order:
        for listed in (found, found[::-1]):
            counted = best_of(listed)
            assert counted is not None
            assert counted.subscription_id == best
        found = [each for each in found if each.subscription_id != best]
    assert best_of(found) is None


def test_without_a_subscription_the_status_is_none_and_the_version_counts_on() -> None:
    before = entitlement_after(NO_ONE, [subscription()], 5)
    after = entitlement_after(before, [], 6)
    assert after == Entitlement(user_id="ann", updated_at=6, version=2)
    assert after.status is EntitlementStatus.NONE


def test_an_operation_that_any_plan_lists_is_for_subscribers_of_such_a_plan_only() -> None:
    pro = plan(operations=frozenset({VIDEO}), max_open_jobs=7, max_credits_per_day=9 * SCALE)
    plans = Plans([plan("starter"), pro])
    assert plans.is_restricted(VIDEO)
    assert not plans.is_restricted("openai:text")
    subscribed = Entitlement(
        user_id="ann", status=EntitlementStatus.ACTIVE, price_id="price_pro", version=1
    )
    assert terms_of(plans, VIDEO, subscribed) == OperationTerms(7, 9 * SCALE)
    for refused in (
        NO_ONE,
        Entitlement(user_id="ann", status=EntitlementStatus.ACTIVE, price_id="price_starter"),
        Entitlement(user_id="ann", status=EntitlementStatus.ACTIVE, price_id="price_gone"),
        Entitlement(user_id="ann", status=EntitlementStatus.CANCELED, price_id="price_pro"),
    ):
        with pytest.raises(SubscriptionRequired) as raised:
            terms_of(plans, VIDEO, refused)
        assert raised.value.details == {
            "operation": VIDEO,
            "plans": ["pro"],
            "status": refused.status.value,
        }


def test_two_plans_of_one_price_are_refused() -> None:
    with pytest.raises(ValueError, match="same id or price"):
        Plans([plan("pro"), plan("team", price_id="price_pro")])
