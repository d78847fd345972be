"""A change of plan in the middle of a period: the credits follow what is billed and credited for
it, and no sequence of changes brings more than was paid for."""

import random

import pytest

from service.billing.payments import Payments
from service.billing.plan_credits import GRACE_MILLISECONDS
from service.billing.purchases import Purchase
from service.core.amounts import SCALE
from tests.billing.subscribers import CREDITS, LOWER_CREDITS, Subscribing
from tests.billing.test_credited_time import assert_sound, deliver_new, lost, purchase

HALF, LOWER_HALF = CREDITS // 2, LOWER_CREDITS // 2
UP = HALF + LOWER_HALF


@pytest.fixture
def site() -> Subscribing:
    return Subscribing(interval="day", lower=True)


def at_noon(site: Subscribing, delivered: set[str]) -> tuple[str, str]:
    """Half a day of the lower plan. The ids of the subscription and its invoice."""
    subscription = site.complete(site.begin(price_id=site.lower_price_id))
    deliver_new(site, delivered)
    site.pass_days(0.5)
    return subscription, site.latest_invoice(subscription)


def purchases(site: Subscribing) -> list[Purchase]:
    return site.parts.get(Payments).of_user("ann")


@pytest.mark.protocol("plan-changes")
def test_whoever_changes_up_has_the_higher_plans_credits_for_the_rest_of_the_period(
    site: Subscribing,
) -> None:
    delivered: set[str] = set()
    subscription, first = at_noon(site, delivered)
    site.change(subscription, site.price_id)
    assert deliver_new(site, delivered) == []
    change = purchase(site, site.latest_invoice(subscription))
    assert (change.paid_cents, change.moved_cents) == (300, 150)
    assert (change.granted, change.grant_id) == (HALF * SCALE, site.latest_invoice(subscription))
    assert (lost(site, first), site.credits()) == (LOWER_HALF, [UP])
    assert change.lot_expires_at == site.entitlement().period_end_at + GRACE_MILLISECONDS
    assert_sound(site)


@pytest.mark.protocol("plan-changes")
def test_a_change_up_that_is_not_paid_brings_nothing_until_it_is(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = at_noon(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.change(subscription, site.price_id)
    deliver_new(site, delivered)
    assert (lost(site, first), site.credits(), site.grants()) == (LOWER_HALF, [LOWER_HALF], 1)
    site.account.client().v1.invoices.pay(site.latest_invoice(subscription))
    deliver_new(site, delivered)
    assert (site.credits(), site.grants()) == ([UP], 2)
    assert_sound(site)


def test_a_change_up_that_is_refunded_loses_its_credits_in_proportion(site: Subscribing) -> None:
    """300 of the 450 cents were paid, the others moved from the lower plan."""
    delivered: set[str] = set()
    subscription, _ = at_noon(site, delivered)
    site.change(subscription, site.price_id)
    change = site.latest_invoice(subscription)
    site.account.controls.refund(change, amount=150)
    deliver_new(site, delivered)
    assert purchase(site, change).clawed_back == HALF * SCALE // 3
    site.account.controls.refund(change)
    deliver_new(site, delivered)
    assert purchase(site, change).clawed_back == HALF * SCALE * 2 // 3
    assert_sound(site)


def test_a_change_that_is_billed_with_the_next_period_brings_its_share_with_that(
    site: Subscribing,
) -> None:
    delivered: set[str] = set()
    subscription, first = at_noon(site, delivered)
    site.change(subscription, site.price_id, "create_prorations")
    site.pass_days(0.55)
    assert deliver_new(site, delivered) == []
    second = purchase(site, site.latest_invoice(subscription))
    assert (second.paid_cents, second.moved_cents) == (1_200, 150)
    assert (second.granted, lost(site, first)) == ((CREDITS + HALF) * SCALE, LOWER_HALF)
    assert_sound(site)


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize("behavior", ["always_invoice", "create_prorations", "none"])
def test_changing_to_and_fro_brings_no_credits(site: Subscribing, behavior: str) -> None:
    delivered: set[str] = set()
    subscription, _ = at_noon(site, delivered)
    for price_id in (site.price_id, site.lower_price_id) * 3:
        site.change(subscription, price_id, behavior)
        deliver_new(site, delivered)
    assert sum(site.credits()) == LOWER_CREDITS
    assert_sound(site)


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize("seed", range(4))
def test_changes_at_any_time_bring_what_was_paid_for_and_no_more(seed: int) -> None:
    """A credit costs 18 cents in one plan and 30 in the other: whatever is done with them, the
    credits that are left are those of the money that is left in each purchase."""
    site, chosen, delivered = Subscribing(interval="day", lower=True), random.Random(seed), set()
    subscription, _ = at_noon(site, delivered)
    for _ in range(10):
        site.pass_days(chosen.uniform(0, 0.3))
        price_id = chosen.choice((site.price_id, site.lower_price_id))
        behavior = chosen.choice(("always_invoice", "create_prorations"))
        if chosen.random() < 0.2:
            site.account.controls.fail_next("generic_decline")
        site.change(subscription, price_id, behavior)
        deliver_new(site, delivered)
    for each in purchases(site):
        kept = each.worth_cents - each.credited_cents
        assert kept >= 0
        assert each.granted * kept // each.worth_cents <= each.granted - each.clawed_back
        assert each.granted - each.clawed_back <= each.granted * kept // each.worth_cents + 1
        dearest = each.worth_cents * CREDITS * SCALE // 900
        assert each.granted <= dearest + 1
    assert_sound(site)
