"""Money that has gone back to a buyer is not taken from their card again by itself."""

import pytest

from service.billing.order_entities import OrderStatus
from service.billing.payments import Payments
from tests.billing.test_top_ups import START, TopUpWorld


@pytest.fixture
def world() -> TopUpWorld:
    return TopUpWorld()


def refund(world: TopUpWorld) -> None:
    payment = world.stored()[0].payment_id
    world.account.controls.refund(payment)
    world.harness.parts.get(Payments).settle(payment)


def test_what_has_just_been_refunded_is_not_charged_again(world: TopUpWorld) -> None:
    """The refund takes the credits back, and the balance falls below the threshold: its buyer
    wanted the money, until a request of theirs is refused."""
    world.enable(threshold=50_000)
    world.top_ups.run("ann")
    refund(world)
    world.harness.work_until(60)
    world.top_ups.want("ann", refused=False)
    world.harness.work()
    assert world.balance() == START
    assert (world.automatic(), world.setting().enabled) == ([], True)
    world.top_ups.want("ann", refused=True)
    world.harness.work()
    assert world.automatic() == [OrderStatus.PAID]


def test_a_refund_of_long_ago_keeps_nothing_from_being_bought(world: TopUpWorld) -> None:
    world.enable(threshold=2000)
    refund(world)
    world.later()
    world.enable(threshold=50_000)
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID]
