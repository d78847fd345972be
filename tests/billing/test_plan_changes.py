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


def kept_cents(found: Purchase) -> int:
    """What of its worth is left in it, in money or in credit that someone has paid for."""
    money = found.refunded_cents + found.disputed_cents + found.warned_cents - found.overlap_cents
    lost_cents = money + found.credited_cents + found.unfunded_cents
    return max(0, found.worth_cents - lost_cents)


def left_cents(found: Purchase) -> int:
    """What of its money did not go back."""
    money = found.refunded_cents + found.disputed_cents + found.warned_cents
    return found.paid_cents - money + found.overlap_cents


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize("seed", range(4))
def test_changes_at_any_time_bring_what_was_paid_for_and_no_more(seed: int) -> None:
    """A credit costs 18 cents in one plan and 30 in the other: whatever is done with them, the
    credits that are left are those of the money that is left in each purchase, and altogether no
    more than was paid and did not go back."""
    site, chosen = Subscribing(interval="day", lower=True), random.Random(seed)
    delivered: set[str] = set()
    subscription, _ = at_noon(site, delivered)
    for _ in range(10):
        site.pass_days(chosen.uniform(0, 0.3))
        price_id = chosen.choice((site.price_id, site.lower_price_id))
        behavior = chosen.choice(("always_invoice", "create_prorations"))
        if chosen.random() < 0.2:
            site.account.controls.fail_next("generic_decline")
        site.change(subscription, price_id, behavior)
        deliver_new(site, delivered)
        paid = [each for each in purchases(site) if left_cents(each) == each.paid_cents > 0]
        if paid and chosen.random() < 0.3:
            payment_id = chosen.choice(paid).payment_id
            chosen.choice((site.account.controls.refund, site.account.controls.dispute))(payment_id)
            deliver_new(site, delivered)
    for each in purchases(site):
        share = each.granted * kept_cents(each) // each.worth_cents
        assert share <= each.granted - each.clawed_back <= share + 1
        dearest = each.worth_cents * CREDITS * SCALE // 900
        assert each.granted <= dearest + 1
    found = purchases(site)
    assert sum(map(kept_cents, found)) <= sum(map(left_cents, found))
    assert_sound(site)


def downgraded_with_credit(site: Subscribing, delivered: set[str]) -> tuple[str, str]:
    """Up for money and down at once: what was paid waits on the customer's balance. The ids of the
    subscription and of the invoice that was paid."""
    subscription, _ = at_noon(site, delivered)
    site.change(subscription, site.price_id)
    change = site.latest_invoice(subscription)
    site.change(subscription, site.lower_price_id)
    assert deliver_new(site, delivered) == []
    assert purchase(site, change).clawed_back == purchase(site, change).granted
    return subscription, change


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize("how", ["refund", "dispute"])
@pytest.mark.parametrize("spent_before", [False, True])
def test_credit_whose_money_went_back_pays_for_no_credits(
    site: Subscribing, how: str, spent_before: bool
) -> None:
    """The lower plan's half of the day is all that is paid for: 150 of the next 450 cents."""
    delivered: set[str] = set()
    subscription, change = downgraded_with_credit(site, delivered)
    payment_id = purchase(site, change).payment_id
    if spent_before:
        site.change(subscription, site.price_id)
        assert deliver_new(site, delivered) == []
    getattr(site.account.controls, how)(payment_id)
    assert deliver_new(site, delivered) == ["credit"]
    if not spent_before:
        site.change(subscription, site.price_id)
        assert deliver_new(site, delivered) == []
    again = purchase(site, site.latest_invoice(subscription))
    assert (again.paid_cents, again.moved_cents, again.unfunded_cents) == (0, 450, 300)
    assert again.granted - again.clawed_back == again.granted - again.granted * 300 // 450
    assert_sound(site)


@pytest.mark.protocol("plan-changes")
def test_credit_whose_dispute_is_won_brings_what_it_has_paid_for(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, change = downgraded_with_credit(site, delivered)
    dispute = site.account.controls.dispute(purchase(site, change).payment_id)["id"]
    site.change(subscription, site.price_id)
    deliver_new(site, delivered)
    site.account.controls.dispute(dispute=dispute, action="won")
    deliver_new(site, delivered)
    again = purchase(site, site.latest_invoice(subscription))
    assert (again.unfunded_cents, again.clawed_back) == (0, 0)
    assert_sound(site)


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize("paid_later", [False, True])
def test_credit_of_a_change_that_was_declined_pays_for_no_credits(
    site: Subscribing, paid_later: bool
) -> None:
    delivered: set[str] = set()
    subscription, _ = at_noon(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.change(subscription, site.price_id)
    declined = site.latest_invoice(subscription)
    site.change(subscription, site.lower_price_id)
    site.change(subscription, site.price_id)
    deliver_new(site, delivered)
    again = purchase(site, site.latest_invoice(subscription))
    assert (again.paid_cents, again.moved_cents, again.unfunded_cents) == (0, 450, 300)
    assert again.granted - again.clawed_back == again.granted - again.granted * 300 // 450
    if paid_later:
        site.account.client().v1.invoices.pay(declined)
        deliver_new(site, delivered)
        again = purchase(site, again.payment_id)
        assert (again.unfunded_cents, again.clawed_back) == (0, 0)
    assert_sound(site)


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize("seed", range(2))
def test_no_quantity_brings_a_plans_credits_more_than_once(seed: int) -> None:
    """Whoever pays for three has one plan; changing to one again returns what two have cost."""
    site, chosen = Subscribing(interval="day", lower=True), random.Random(seed)
    delivered: set[str] = set()
    subscription, _ = at_noon(site, delivered)
    for _ in range(6):
        price_id = chosen.choice((site.price_id, site.lower_price_id))
        behavior = chosen.choice(("always_invoice", "create_prorations"))
        site.change(subscription, price_id, behavior, chosen.randint(1, 3))
        site.pass_days(0.05)
        deliver_new(site, delivered)
        assert sum(site.credits()) <= UP
    for each in purchases(site):
        dearest = each.worth_cents * CREDITS * SCALE // 900
        assert each.granted <= dearest + 1
    assert_sound(site)
