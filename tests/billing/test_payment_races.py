"""Many settle one payment at once while its credits are spent, on DynamoDB Local."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.billing.payments import Payments
from service.billing.purchases import PaymentBusy
from service.core.clock import SystemClock
from service.ledger.entities import EntryKind, InsufficientCredits, WalletBusy
from service.ledger.lots import total_taken
from tests.billing.payment_world import PaymentWorld

SETTLERS = 10
SPENDERS = 6
GRANTED = 20_000


@pytest.fixture
def world(client: Any, table_name: str) -> PaymentWorld:
    return PaymentWorld(client, table_name, clock=SystemClock(), max_open_jobs=0)


def at_once(world: PaymentWorld, payment_id: str, job: str) -> None:
    """Settlers in two processes, and jobs that hold credits meanwhile. Whoever stands back says so,
    and nothing else."""
    processes = [world.harness, world.process()]

    def settle(number: int) -> None:
        processes[number % 2].parts.get(Payments).settle(payment_id)

    def spend(number: int) -> None:
        processes[number % 2].submit("ann", key=f"{job}-{number}")

    with ThreadPoolExecutor(SETTLERS + SPENDERS) as executor:
        runs = [executor.submit(_given_way, settle, number) for number in range(SETTLERS)]
        runs += [executor.submit(_given_way, spend, number) for number in range(SPENDERS)]
        for run in runs:
            run.result()
    world.settle(payment_id)


def _given_way(act: Callable[[int], None], number: int) -> None:
    try:
        act(number)
    except (PaymentBusy, WalletBusy, InsufficientCredits):
        return


@pytest.mark.protocol("payment-granted-once", "one-settlement")
def test_ten_settlements_at_once_grant_once_and_claw_back_exactly(world: PaymentWorld) -> None:
    payment_id = world.pay(granted=str(GRANTED))
    at_once(world, payment_id, "first")
    assert len(world.entries(EntryKind.GRANT)) == 1
    refund = world.refund(payment_id, 500)
    at_once(world, payment_id, "second")
    (clawed,) = world.entries(EntryKind.CLAWBACK)
    assert clawed.amount == GRANTED // 2
    world.account.controls.refund(refund=refund, outcome="failed")
    at_once(world, payment_id, "third")
    (restored,) = world.entries(EntryKind.RESTORE)
    assert restored.amount == GRANTED // 2
    wallet = world.wallet()
    held = sum(total_taken(entry.allocation) for entry in world.entries(EntryKind.HOLD))
    assert (wallet.credits, wallet.held) == (3_000 + GRANTED - held, held)
    assert (wallet.debt, wallet.clawed_back) == (0, 0)
    world.assert_proved()
