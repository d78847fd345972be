"""A top-up that the bank did not let pass: its buyer confirms it, or it is never paid."""

from typing import Any

import pytest

from service.billing.entities import StripeUnavailable
from service.billing.order_entities import OrderStatus
from service.billing.top_up_entities import Confirmation
from tests.billing.test_top_ups import HOUR, INTENTS, PRICE, TopUpWorld

DAY = 24 * HOUR


def refused_by_the_bank(cap_cents: int) -> TopUpWorld:
    world = TopUpWorld()
    world.enable(cap_cents=cap_cents)
    world.account.controls.fail_next("authentication_required")
    world.top_ups.run("ann")
    return world


@pytest.fixture
def world() -> TopUpWorld:
    """A top-up has just been refused by the bank."""
    return refused_by_the_bank(100_000)


def offered(world: TopUpWorld) -> Confirmation | None:
    return world.top_ups.confirmation(world.setting())


def confirm(world: TopUpWorld, found: Confirmation) -> str:
    """As Stripe.js does with the buyer there."""
    intent_id = found.client_secret.partition("_secret_")[0]
    params: Any = {"payment_method": found.payment_method_id}
    world.account.client().v1.payment_intents.confirm(intent_id, params)
    return intent_id


def test_the_buyer_is_offered_the_payment_that_the_bank_wants_confirmed(world: TopUpWorld) -> None:
    found = offered(world)
    assert found is not None
    assert (found.amount_cents, found.currency) == (PRICE, "usd")
    assert found.order_id == world.stored()[0].order_id
    assert "secret" not in repr(found)
    assert len(world.requests("POST", INTENTS)) == 1


def test_a_confirmed_payment_is_granted_once_and_offered_no_more(world: TopUpWorld) -> None:
    found, before = offered(world), world.balance()
    assert found is not None
    intent_id = confirm(world, found)
    assert offered(world) is None
    assert offered(world) is None
    assert world.automatic() == [OrderStatus.PAID]
    assert world.balance() == before + 100  # type: ignore[operator]
    assert world.stripe.retrieve_payment_intent(intent_id).status == "succeeded"
    assert world.harness.audit().violations == ()


def test_the_next_purchase_withdraws_it_first(world: TopUpWorld) -> None:
    found = offered(world)
    assert found is not None
    world.later()
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID, OrderStatus.FAILED]
    with pytest.raises(Exception, match="cancel"):
        confirm(world, found)


def test_a_failure_to_withdraw_it_is_not_repeated_for_a_day(world: TopUpWorld) -> None:
    """Stripe stores its failure under the key of the request."""
    world.account.http.arm("cancel_payment_intent", "stored-error", 1)
    world.later()
    world.top_ups.want("ann", refused=True)
    with pytest.raises(StripeUnavailable):
        world.top_ups.run("ann")
    world.later()
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID, OrderStatus.FAILED]


def test_no_other_is_bought_where_it_was_confirmed_unnoticed(world: TopUpWorld) -> None:
    found = offered(world)
    assert found is not None
    confirm(world, found)
    world.later()
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID]


def needed_again(world: TopUpWorld) -> None:
    world.later()
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")


def confirmed_unnoticed(cap_cents: int) -> TopUpWorld:
    """The worker has found the confirmed payment, and no one has read it before."""
    world = refused_by_the_bank(cap_cents)
    found = offered(world)
    assert found is not None
    confirm(world, found)
    needed_again(world)
    return world


def test_credits_are_bought_again_after_a_payment_that_was_confirmed_unnoticed() -> None:
    world = confirmed_unnoticed(2 * PRICE)
    setting = world.setting()
    assert (setting.confirm_payment_id, setting.failures, setting.wanted) == ("", 0, False)
    assert setting.due_at == world.clock.now() + HOUR * 1000
    needed_again(world)
    assert world.automatic() == [OrderStatus.PAID] * 2
    needed_again(world)
    assert world.automatic() == [OrderStatus.PAID] * 2
    assert world.setting().spent_cents == 2 * PRICE
    assert world.harness.audit().violations == ()


@pytest.mark.parametrize("is_read_first", [False, True])
def test_a_confirmed_payment_counts_towards_the_cap(is_read_first: bool) -> None:
    """Once, whoever finds it."""
    world = refused_by_the_bank(PRICE)
    found = offered(world)
    assert found is not None
    confirm(world, found)
    if is_read_first:
        assert (offered(world), offered(world)) == (None, None)
    needed_again(world)
    needed_again(world)
    setting = world.setting()
    assert (setting.spent_cents, setting.failures, setting.due_at) == (PRICE, 0, None)
    assert world.automatic() == [OrderStatus.PAID]


def test_a_confirmed_payment_counts_in_its_own_month() -> None:
    world = confirmed_unnoticed(PRICE)
    world.clock.advance(31 * DAY)
    needed_again(world)
    assert world.automatic() == [OrderStatus.PAID] * 2
    assert world.setting().spent_cents == PRICE


def test_it_is_offered_for_a_week(world: TopUpWorld) -> None:
    world.clock.advance(7 * DAY - 1)
    assert offered(world) is not None
    world.clock.advance(1)
    assert offered(world) is None


def test_another_users_payment_is_never_offered(world: TopUpWorld) -> None:
    found = offered(world)
    assert found is not None
    intent_id = found.client_secret.partition("_secret_")[0]
    world.account.client().v1.payment_intents.update(intent_id, {"metadata": {"userId": "eve"}})
    assert offered(world) is None


def test_an_erasure_withdraws_it(world: TopUpWorld) -> None:
    found = offered(world)
    assert found is not None
    steps = world.harness.parts.erasure_steps()
    next(each for each in steps if each.name == "top_up").run("ann")
    with pytest.raises(Exception, match="cancel"):
        confirm(world, found)


def test_a_card_without_money_leaves_nothing_to_confirm() -> None:
    world = TopUpWorld()
    world.enable()
    world.account.controls.fail_next("insufficient_funds")
    world.top_ups.run("ann")
    assert offered(world) is None
    assert world.setting().confirm_payment_id == ""
