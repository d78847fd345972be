"""Faults and deaths at each effect of a settlement: whoever settles next ends it, exactly."""

from collections.abc import Callable
from typing import Any

import pytest

from service.billing.payments import Payments
from service.core.errors import FareboxError
from service.ledger.entities import EntryKind
from tests.billing.payment_world import GRANTED, PAID, PaymentWorld
from tests.faults.library.wire import FAULTS

Scene = Callable[[PaymentWorld], tuple[str, int]]


class Killed(BaseException):
    """The process ends here."""


def first_settlement(world: PaymentWorld) -> tuple[str, int]:
    return world.pay(), 0


def refunded_before_its_settlement(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.refund(payment_id, PAID // 2)
    return payment_id, GRANTED // 2


def refund(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.settle(payment_id)
    world.refund(payment_id, PAID // 2)
    return payment_id, GRANTED // 2


def won_dispute(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.settle(payment_id)
    dispute = world.dispute(payment_id)
    world.settle(payment_id)
    world.step(dispute, "won")
    return payment_id, 0


def nothing_new(world: PaymentWorld) -> tuple[str, int]:
    payment_id = world.pay()
    world.settle(payment_id)
    return payment_id, 0


SCENES = (first_settlement, refunded_before_its_settlement, refund, won_dispute, nothing_new)


def assert_exact(world: PaymentWorld, payment_id: str, clawed_back: int) -> None:
    purchase = world.process().parts.get(Payments).settle(payment_id)
    assert purchase is not None
    assert purchase.clawed_back == clawed_back
    wallet = world.wallet()
    assert (wallet.granted, wallet.credits) == (3_000 + GRANTED, 3_000 + GRANTED - clawed_back)
    assert len(world.entries(EntryKind.GRANT)) == 1
    world.assert_proved()


@pytest.mark.protocol("one-settlement")
@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize(
    ("scene", "times"),
    [(first_settlement, 1), (won_dispute, 1), (nothing_new, 1), (refund, 40)],
)
def test_a_write_that_meets_a_fault_is_made_once(scene: Scene, fault: str, times: int) -> None:
    """Also where the fault lasts beyond every deadline."""
    world = PaymentWorld()
    payment_id, clawed_back = scene(world)
    wire = world.harness.wire()
    wire.plan("Write", fault, times=times)
    try:
        purchase = world.payments.settle(payment_id)
        assert purchase is not None
        assert purchase.clawed_back == clawed_back
    except FareboxError:
        assert fault not in ("throttle", "conflict") or times > 1
    wire.leave()
    wire.deliver_late()
    assert_exact(world, payment_id, clawed_back)


@pytest.mark.protocol("one-settlement")
@pytest.mark.parametrize("scene", SCENES)
def test_a_process_may_die_at_any_request_to_table_or_stripe(scene: Scene) -> None:
    place, killed = 0, True
    while killed:
        world = PaymentWorld()
        payment_id, clawed_back = scene(world)
        killed = _settled_until(world, payment_id, place)
        place += 1
        assert_exact(world, payment_id, clawed_back)
    assert place >= 2 * len(("read", "intent", "refunds", "disputes", "warnings", "write"))


def _settled_until(world: PaymentWorld, payment_id: str, place: int) -> bool:
    """Settles until so many halves of requests: even ones die before the request, odd ones after
    it. Returns whether it died."""
    left = [place]

    def step(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    wire = world.harness.wire()
    wire.before(step)
    wire.after(step)
    http, simulator = world.account.http, world.account.simulator
    mortal: Any = _Mortal(simulator, step)
    http._simulator = mortal
    try:
        world.payments.settle(payment_id)
    except Killed:
        return True
    finally:
        wire.leave()
        http._simulator = simulator
    return False


class _Mortal:
    def __init__(self, simulator: Any, step: Callable[[], None]) -> None:
        self._simulator = simulator
        self._step = step

    def handle(self, request: Any) -> Any:
        self._step()
        reply = self._simulator.handle(request)
        self._step()
        return reply
