"""The prices that exist at Stripe before anything is sold: those of the service's plans."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.simulators.stripe import catalog
from devstack.simulators.stripe.account import Account

PLANS = Path(__file__).parents[3] / "service" / "entitlements" / "plans.json"


def read_plans(file: Path = PLANS) -> dict[str, Any]:
    """The plans by their id. Raises `ValueError` for a file that is no JSON object, `OSError`."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def price_ids(pairs: str) -> dict[str, str]:
    """The prices in `plan:price` pairs, separated by commas. Raises `ValueError`."""
    named = [pair.strip() for pair in pairs.split(",") if pair.strip()]
    if not all(":" in pair for pair in named):
        raise ValueError("stripe_plan_prices must be plan:price pairs, separated by commas")
    return dict(pair.split(":", 1) for pair in named)


def seed(account: Account, plans: Mapping[str, Any], prices: Mapping[str, str]) -> None:
    """A product with a monthly price for each plan, without an event; `prices` names the ids of
    some prices, the plans' own `priceId` the others."""
    for plan_id, plan in plans.items():
        params = {
            "id": f"prod_{plan_id}",
            "name": plan["name"],
            "currency": plan["currency"],
            "unit_amount": plan["amountCents"],
            "recurring": {"interval": "month"},
            "lookup_key": plan_id,
        }
        catalog.seed(account, params, prices.get(plan_id, plan["priceId"]))
