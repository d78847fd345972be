"""What is not paid does not stay: opening checkouts fills no table."""

from typing import Any

import pytest

from service.billing import keys
from service.billing.order_entities import OrderStatus
from service.storage.writes import Delete, Update, When
from tests.billing.world import BillingWorld

DAY = 86_400


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def kept_days(world: BillingWorld, prefix: str) -> list[object]:
    """For how many days from now each item stays; None: for ever."""
    now = world.clock.now() // 1000
    ends: list[Any] = [item.get("expiresAt") for item in world.items(prefix)]
    return [None if end is None else round((end - now) / DAY) for end in ends]


def forget_everything_unpaid(world: BillingWorld) -> None:
    """As DynamoDB does when the time has come."""
    now = world.clock.now() // 1000
    for item in world.items("ORDER"):
        ends: Any = item.get("expiresAt")
        if ends is not None and ends < now:
            is_key = str(item["SK"]).startswith(keys.ORDER_KEY_PREFIX)
            key = keys.order_key("ann", "key") if is_key else keys.order("ann", str(item["SK"])[6:])
            world.harness.table.write(Delete(key, When()))


@pytest.mark.parametrize("end", ["open", "expired", "failed"])
def test_an_order_that_is_not_paid_is_kept_for_thirty_days(world: BillingWorld, end: str) -> None:
    if end == "failed":
        world.account.http.arm("create_session", "status:400")
        with pytest.raises(Exception, match="refused"):
            world.begin(key="key")
    else:
        checkout = world.begin(key="key")
    if end == "expired":
        world.account.controls.expire(checkout.session.id)
        world.orders.reconcile(checkout.session.id)
    assert kept_days(world, "ORDER#") == [30]
    assert kept_days(world, "ORDER_KEY#") == [30]


def test_a_paid_order_stays(world: BillingWorld) -> None:
    checkout = world.begin()
    world.pay(checkout)
    world.orders.reconcile(checkout.session.id)
    assert kept_days(world, "ORDER#") == [None]


def test_a_bank_debit_that_arrives_keeps_its_order(world: BillingWorld) -> None:
    checkout = world.begin()
    world.pay(checkout, outcome="processing")
    intent = world.stripe.retrieve_checkout_session(checkout.session.id).payment_intent_id
    world.account.controls.settle(intent)
    world.orders.reconcile(checkout.session.id)
    assert world.order(checkout).status is OrderStatus.PAID
    assert kept_days(world, "ORDER#") == [None]


def test_orders_that_were_deleted_wait_for_no_payment() -> None:
    world = BillingWorld(max_open_orders=2)
    world.begin()
    world.begin()
    world.clock.advance(32 * DAY)
    forget_everything_unpaid(world)
    assert world.items("ORDER#") == []
    assert world.begin().session.id
    assert world.begin().session.id


def test_a_key_whose_order_was_deleted_is_free(world: BillingWorld) -> None:
    """DynamoDB may have deleted the one and not yet the other."""
    first = world.begin(key="key")
    world.clock.advance(32 * DAY)
    world.harness.table.write(Delete(keys.order("ann", first.order.order_id), When()))
    second = world.begin(key="key")
    assert (second.replayed, second.order.order_id == first.order.order_id) == (False, False)
    assert world.begin(key="key").order.order_id == second.order.order_id


def test_the_audit_finds_a_paid_order_that_would_be_deleted(world: BillingWorld) -> None:
    checkout = world.begin()
    world.pay(checkout)
    world.orders.reconcile(checkout.session.id)
    assert world.harness.audit().violations == ()
    key = keys.order("ann", checkout.order.order_id)
    world.harness.table.write(Update(key, When(), set={"expiresAt": 1}))
    (violation,) = world.harness.audit().violations
    assert "would be deleted" in violation.what
