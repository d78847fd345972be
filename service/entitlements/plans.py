"""The reviewed data file `plans.json`: what is sold as a subscription.

In a file of its own because it reads a file, and only at start."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from typing import Any

from service.core.amounts import amount_of
from service.entitlements.entities import Plan, Plans

MAX_NAME = 60
MAX_TRIAL_DAYS = 730

_PLAN_ID = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_PRICE_ID = re.compile(r"price_[A-Za-z0-9_]{1,100}")
_CURRENCY = re.compile(r"[a-z]{3}")
_OPERATION = re.compile(r"[a-z0-9-]{1,40}:[a-z0-9-]{1,40}")
_NAMES = frozenset(
    {
        *("name", "priceId", "amountCents", "currency", "monthlyCredits"),
        *("trialDays", "trialCredits", "operations", "limits", "retired"),
    }
)
_LIMITS = frozenset({"openJobs", "creditsPerDay"})


def read_plans(prices: Mapping[str, str]) -> Plans:
    """Every plan of the file; `prices` names the price at Stripe for some, by their ids. Raises
    `ValueError` for a file or a price that cannot be used."""
    text = resources.files("service.entitlements").joinpath("plans.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text, parse_float=Decimal)
    if unknown := prices.keys() - content.keys():
        raise ValueError(f"{min(unknown)} is no plan")
    plans = [plan_of(plan_id, facts) for plan_id, facts in content.items()]
    return Plans(
        _checked(replace(plan, price_id=prices.get(plan.plan_id, plan.price_id))) for plan in plans
    )


def plan_of(plan_id: str, facts: Mapping[str, Any]) -> Plan:
    """One plan as the file has it. Raises `ValueError`."""
    limits = facts.get("limits", {})
    unknown = (facts.keys() - _NAMES) | (limits.keys() - _LIMITS)
    if unknown:
        raise ValueError(f"plan {plan_id!r} has an unknown field {min(unknown)!r}")
    try:
        plan = Plan(
            plan_id=plan_id,
            name=facts["name"],
            price_id=facts["priceId"],
            amount_cents=facts["amountCents"],
            currency=facts["currency"],
            monthly_credits=amount_of(facts["monthlyCredits"]),
            trial_days=facts.get("trialDays", 0),
            trial_credits=amount_of(facts.get("trialCredits", 0)),
            operations=frozenset(facts.get("operations", ())),
            max_open_jobs=limits.get("openJobs", 0),
            max_credits_per_day=amount_of(limits.get("creditsPerDay", 0)),
            retired=facts.get("retired", False),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"plan {plan_id!r} lacks a field, or has one of another type") from error
    return _checked(plan)


def prices_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """The price of each plan in `plan:price` pairs. Raises `ValueError`."""
    found = dict(_pair(text) for text in pairs)
    if len(found) < len(pairs):
        raise ValueError("a plan is named twice")
    return found


def _pair(text: str) -> tuple[str, str]:
    plan_id, _, price_id = text.partition(":")
    if not _PLAN_ID.fullmatch(plan_id) or not _PRICE_ID.fullmatch(price_id):
        raise ValueError("must be plan:price pairs, such as pro:price_1Nf3a")
    return plan_id, price_id


def _checked(plan: Plan) -> Plan:
    """Raises `ValueError` with a sentence for the first thing that is no plan's."""
    numbers = (plan.amount_cents, plan.trial_days, plan.max_open_jobs)
    rules = (
        (_is(_PLAN_ID, plan.plan_id), "its id is not usable"),
        (isinstance(plan.name, str) and 0 < len(plan.name) <= MAX_NAME, "its name is not usable"),
        (_is(_PRICE_ID, plan.price_id), "its priceId is no price of Stripe's"),
        (_is(_CURRENCY, plan.currency), "its currency is not usable"),
        (all(type(each) is int and each >= 0 for each in numbers), "a number is not usable"),
        (plan.amount_cents > 0, "it costs nothing"),
        (type(plan.retired) is bool, "retired is true or false"),
        (plan.monthly_credits > 0, "it brings no credits"),
        (plan.trial_days <= MAX_TRIAL_DAYS, "its trial is too long"),
        (plan.trial_credits >= 0 and plan.max_credits_per_day >= 0, "an amount is negative"),
        (plan.trial_days > 0 or not plan.trial_credits, "it has trial credits without a trial"),
        (all(_is(_OPERATION, each) for each in plan.operations), "an operation has no such name"),
    )
    for holds, fault in rules:
        if not holds:
            raise ValueError(f"plan {plan.plan_id!r}: {fault}")
    return plan


def _is(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
