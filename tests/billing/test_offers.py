"""What can be bought: packages and plans of ours, and a trial once per person."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from service.billing.offers import Offers
from service.billing.order_entities import OrderKind, PackageNotFound, PlanNotFound, UiMode
from service.entitlements.entities import Plans, Trial
from service.entitlements.trials import Trials
from tests.billing.subscribers import Subscribing
from tests.billing.world import BillingWorld

DAY = 86_400_000


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def offers(world: BillingWorld) -> Offers:
    return world.harness.parts.get(Offers)


def test_a_plan_is_ordered_at_its_price_and_brings_no_credits_itself(world: BillingWorld) -> None:
    plan = next(each for each in world.harness.parts.get(Plans).all if each.trial_days)
    terms = offers(world).plan_terms("ann", plan.price_id, UiMode.HOSTED)
    assert (terms.kind, terms.product_id) == (OrderKind.SUBSCRIPTION, plan.price_id)
    assert (terms.amount_cents, terms.currency, terms.total) == (plan.amount_cents, "usd", 0)
    assert terms.trial_days == plan.trial_days


def test_whoever_has_had_a_trial_pays_from_the_first_day(world: BillingWorld) -> None:
    plan = next(each for each in world.harness.parts.get(Plans).all if each.trial_days)
    now = world.clock.now()
    world.harness.parts.get(Trials).grant(
        Trial(
            user_id="ann",
            subscription_id="sub_1",
            card_fingerprint="card",
            amount=plan.trial_credits,
            ends_at=now + DAY,
        )
    )
    assert offers(world).plan_terms("ann", plan.price_id, UiMode.HOSTED).trial_days == 0
    assert offers(world).plan_terms("bob", plan.price_id, UiMode.HOSTED).trial_days > 0


def test_what_is_not_ours_cannot_be_bought(world: BillingWorld) -> None:
    with pytest.raises(PlanNotFound):
        offers(world).plan_terms("ann", "price_of_someone_else", UiMode.EMBEDDED)
    with pytest.raises(PackageNotFound):
        offers(world).package_terms("credits-0", UiMode.EMBEDDED, saves_method=False)


@pytest.mark.parametrize("retired", [True, False])
def test_a_retired_plan_brings_its_credits_to_who_has_it_and_is_sold_to_no_one(
    retired: bool,
) -> None:
    """Or whoever knows an old price could have it for ever."""
    site = Subscribing(interval="day")
    site.subscribe()
    site.deliver_all()
    plans = site.parts.get(Plans)
    plans.all = (replace(plans.all[0], retired=retired),)
    plans._by_price = {site.price_id: plans.all[0]}
    site.pass_days(1.05)
    site.deliver_all()
    assert (site.grants(), site.status()) == (2, "active")
    listed = site.app.test_client().get("/subscription/plans").get_json()["data"]["plans"]
    assert len(listed) == (not retired)
    wanted: Any = pytest.raises(PlanNotFound) if retired else nullcontext()
    with wanted:
        site.parts.get(Offers).plan_terms("bob", site.price_id, UiMode.HOSTED)
