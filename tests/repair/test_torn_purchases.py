"""Whatever part of a payment's settlement a restore leaves out, the repair and the next settlement
make it whole: granted once, clawed back exactly."""

from collections.abc import Callable
from itertools import combinations

import pytest

from service.ledger.entities import EntryKind
from tests.billing.payment_world import GRANTED, PAID, PaymentWorld
from tests.repair.torn import Recorder

Settled = Callable[[PaymentWorld], tuple[str, int]]


def bought(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.settle(payment_id)
    return payment_id, 0


def bought_and_refunded_at_once(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.refund(payment_id, PAID // 2)
    world.settle(payment_id)
    return payment_id, GRANTED // 2


def refunded(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.settle(payment_id)
    world.refund(payment_id, PAID // 2)
    world.settle(payment_id)
    return payment_id, GRANTED // 2


def restored(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.settle(payment_id)
    refund = world.refund(payment_id, PAID // 2)
    world.settle(payment_id)
    world.account.controls.refund(refund=refund, outcome="failed")
    world.settle(payment_id)
    return payment_id, 0


@pytest.mark.parametrize("life", [bought, bought_and_refunded_at_once, refunded, restored])
def test_every_way_to_tear_a_settlement_is_mended_and_settled_exactly(life: Settled) -> None:
    ways = _ways(life)
    assert len(ways) >= 2**3 - 1
    for left in ways:
        world = PaymentWorld()
        recorder = Recorder(world.harness)
        payment_id, clawed_back = life(world)
        images = recorder.images()
        recorder.leave(images, {sorted(images)[place] for place in left})
        done = world.harness.repair.run(apply=True)
        assert done.left == (), (left, done.left)
        world.assert_proved()
        again = world.harness.repair.run(apply=True)
        assert (again.plans, again.left) == ((), ())
        assert world.settle(payment_id).clawed_back == clawed_back, left
        assert world.wallet().credits == 3_000 + GRANTED - clawed_back, left
        assert len(world.entries(EntryKind.GRANT)) == 1
        world.assert_proved()


def _ways(life: Settled) -> list[tuple[int, ...]]:
    """Every choice of some, but not all, of the items of the last transaction."""
    world = PaymentWorld()
    recorder = Recorder(world.harness)
    life(world)
    places = range(len(recorder.images()))
    return [left for size in places for left in combinations(places, size)]
