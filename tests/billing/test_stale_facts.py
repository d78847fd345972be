"""Two processes that settle one payment: whoever knows less never has the last word."""

import pytest

from service.billing.payments import Payments
from service.ledger.entities import EntryKind
from tests.billing.payment_world import GRANTED, PAID, PaymentWorld

REFUNDS = "/v1/refunds"


@pytest.fixture
def world() -> PaymentWorld:
    return PaymentWorld()


@pytest.mark.protocol("facts-under-version")
def test_a_refund_that_came_meanwhile_is_not_returned(world: PaymentWorld) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    other = world.process().parts.get(Payments)

    def refunded_and_settled() -> None:
        world.refund(payment_id, PAID // 2)
        other.settle(payment_id)

    world.interrupt(REFUNDS, refunded_and_settled)
    assert world.settle(payment_id).clawed_back == GRANTED // 2
    assert len(world.entries(EntryKind.CLAWBACK)) == 1
    assert world.entries(EntryKind.RESTORE) == []
    world.assert_proved()


@pytest.mark.protocol("facts-under-version")
@pytest.mark.parametrize("settled_before", [True, False])
def test_a_refund_that_failed_meanwhile_is_not_clawed_back(
    world: PaymentWorld, settled_before: bool
) -> None:
    """Nothing moved for the other, whose facts are newer: the version it raised says so."""
    payment_id = world.pay()
    world.settle(payment_id)
    refund = world.refund(payment_id, PAID // 2)
    if settled_before:
        world.settle(payment_id)
    other = world.process().parts.get(Payments)

    def failed_and_settled() -> None:
        world.account.controls.refund(refund=refund, outcome="failed")
        other.settle(payment_id)

    world.interrupt(REFUNDS, failed_and_settled)
    assert world.settle(payment_id).clawed_back == 0
    assert len(world.entries(EntryKind.CLAWBACK)) == len(world.entries(EntryKind.RESTORE))
    assert len(world.entries(EntryKind.CLAWBACK)) == settled_before
    world.assert_proved()


@pytest.mark.protocol("facts-under-version")
def test_a_payment_that_another_granted_meanwhile_is_granted_once(world: PaymentWorld) -> None:
    payment_id = world.pay()
    other = world.process().parts.get(Payments)
    world.interrupt(REFUNDS, lambda: other.settle(payment_id))
    assert world.settle(payment_id).version == 2
    assert len(world.entries(EntryKind.GRANT)) == 1
    world.assert_proved()
