"""The data file of plans is checked when the service starts."""

from typing import Any

import pytest

from service.core.amounts import SCALE
from service.entitlements.entities import Plans
from service.entitlements.plans import plan_of, prices_of, read_plans

FACTS: dict[str, Any] = {
    "name": "Pro",
    "priceId": "price_pro",
    "amountCents": 2900,
    "currency": "usd",
    "monthlyCredits": 200,
    "trialDays": 7,
    "trialCredits": 5,
    "operations": ["kling:image-to-video"],
    "limits": {"openJobs": 3, "creditsPerDay": 50},
}


def test_the_file_that_is_delivered_can_be_used() -> None:
    plans = read_plans({})
    assert {plan.plan_id for plan in plans.all} == {"starter", "pro"}
    assert all(plan.monthly_credits >= SCALE for plan in plans.all)
    assert not plans.is_restricted("kling:image-to-video")


def test_a_retired_plan_is_not_on_sale_and_stays_a_plan() -> None:
    old = plan_of("old", FACTS | {"priceId": "price_old", "retired": True})
    plans = Plans([old, plan_of("pro", FACTS)])
    assert [plan.plan_id for plan in plans.on_sale] == ["pro"]
    assert plans.by_price("price_old") == old
    assert [plan.plan_id for plan in plans.with_operation("kling:image-to-video")] == ["pro"]
    assert Plans([old]).is_restricted("kling:image-to-video")


def test_a_setting_replaces_the_price_of_a_plan() -> None:
    plans = read_plans(prices_of(("pro:price_1Nf3a",)))
    assert {plan.plan_id: plan.price_id for plan in plans.all} == {
        "starter": "price_starter_monthly",
        "pro": "price_1Nf3a",
    }


@pytest.mark.parametrize(
    "pairs",
    [
        ("pro",),
        ("pro:",),
        ("pro:prod_1",),
        (":price_1",),
        ("pro:price_1", "pro:price_2"),
        ("pro:price 1",),
        ("gone:price_1",),
        ("pro:price_1", "starter:price_1"),
    ],
)
def test_prices_that_cannot_be_used_are_refused(pairs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"pairs|twice|no plan|same id or price"):
        read_plans(prices_of(pairs))


@pytest.mark.parametrize(
    "changes",
    [
        {"retired": 1},
        {"name": ""},
        {"name": "x" * 61},
        {"name": 1},
        {"priceId": "prod_1"},
        {"amountCents": 0},
        {"amountCents": 9.5},
        {"amountCents": True},
        {"currency": "USD"},
        {"currency": "dollar"},
        {"monthlyCredits": 0},
        {"monthlyCredits": -1},
        {"monthlyCredits": "many"},
        {"trialDays": -1},
        {"trialDays": 1000},
        {"trialDays": 0},
        {"trialCredits": -1},
        {"operations": ["everything"]},
        {"limits": {"openJobs": -1}},
        {"limits": {"storage": 1}},
        {"price": "price_pro"},
    ],
)
def test_a_plan_that_cannot_be_sold_is_refused(changes: dict[str, Any]) -> None:
    assert plan_of("pro", FACTS).max_credits_per_day == 50 * SCALE
    with pytest.raises(ValueError, match="plan 'pro'"):
        plan_of("pro", FACTS | changes)


@pytest.mark.parametrize("name", ["priceId", "amountCents", "monthlyCredits", "currency", "name"])
def test_a_plan_that_lacks_a_field_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lacks a field"):
        plan_of("pro", {key: value for key, value in FACTS.items() if key != name})
