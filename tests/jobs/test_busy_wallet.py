"""A wallet that others keep busy is reported as busy, and never as a table out of reach."""

import random
import threading
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.errors import FareboxError
from service.ledger.entities import WalletBusy
from service.ledger.operations import Ledger
from service.storage.table import MaybeApplied, NotReached, TableSaturated
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.faults.library.wire import Wire

# A read that is not served makes two calls, and is tried again after a pause that grows.
FOR_SECONDS = 20
FOR_EVER = 10_000
TROUBLES = {
    "unreachable": NotReached(),
    "read timeout": MaybeApplied(),
    "no turn in time": TableSaturated(),
}


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    """Ann is a user with credits."""
    world = ServiceHarness(client, table_name, welcome_credits=100, jitter=lambda: 1.0)
    world.submit()
    return world


@pytest.mark.parametrize(
    ("key", "fault"), [("k", "conflict"), ("k", "throttle"), (None, "throttle")]
)
def test_a_request_waits_until_its_wallet_can_be_read(
    world: ServiceHarness, key: str | None, fault: str
) -> None:
    wire = world.wire()
    wire.plan("TransactGetItems" if key else "GetItem", fault, times=FOR_SECONDS)
    assert world.submit(key=key).job.task_id
    assert world.balance() == (98, 2, 0)


@pytest.mark.parametrize("operation", ["TransactGetItems", "TransactWriteItems"])
@pytest.mark.parametrize("fault", ["conflict", "throttle"])
@pytest.mark.protocol("busy-means-unwritten")
def test_a_wallet_busy_until_the_deadline_is_busy_and_nothing_is_written(
    world: ServiceHarness, operation: str, fault: str
) -> None:
    before, began = world.items(), world.clock.monotonic()
    world.wire().plan(operation, fault, times=FOR_EVER)
    with pytest.raises(WalletBusy):
        world.submit(key="k")
    assert world.clock.monotonic() - began <= 5.5
    assert world.items() == before
    assert len(world.provider.sent) == 1


@pytest.mark.parametrize("last", TROUBLES)
def test_a_busy_wallet_stays_busy_whatever_its_last_attempt_meets(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Others write the wallet for seconds; then this process cannot reach the table either."""
    wire = world.wire()
    wire.plan("TransactWriteItems", "conflict", times=12)
    ends_with(last, world, wire, monkeypatch)
    before = world.items()
    with pytest.raises(WalletBusy):
        world.submit()
    monkeypatch.undo()
    assert world.items() == before


def ends_with(
    last: str, world: ServiceHarness, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the sixth write on, each read meets that trouble after a second."""
    read = Ledger._read_snapshot

    def disturbed(self: Ledger, *given: Any) -> Any:
        if wire.calls.count("TransactWriteItems") >= 6:
            world.clock.advance(1.0)
            raise TROUBLES[last]
        return read(self, *given)

    monkeypatch.setattr(Ledger, "_read_snapshot", disturbed)


def test_many_processes_on_one_wallet_get_jobs_or_a_busy_wallet(
    client: Any, table_name: str
) -> None:
    """Ten processes, each with its own locks, and a table in which a third of all transactions
    conflict."""
    clock = _RealSleep()
    processes = [
        ServiceHarness(client, table_name, clock=clock, welcome_credits=15) for _ in range(10)
    ]
    processes[0].submit()
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=_hammer, args=(process, number, outcomes))
        for number, process in enumerate(processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"job", "WALLET_BUSY", "INSUFFICIENT_CREDITS"}
    assert processes[0].wallet().held == (1 + outcomes.count("job")) * SCALE
    assert ServiceHarness(client, table_name).audit().violations == ()


def _hammer(process: ServiceHarness, number: int, outcomes: list[str]) -> None:
    rng, wire = random.Random(number), process.wire()

    def conflict(operation: str) -> None:
        if operation.startswith("Transact") and rng.random() < 0.33:
            wire.plan(operation, "conflict")

    wire.before(conflict)
    for turn in range(3):
        try:
            process.submit(key=f"{number}-{turn}")
            outcomes.append("job")
        except FareboxError as error:
            outcomes.append(error.code)


class _RealSleep(FakeClock):
    """Sleeps a little for real, so that threads give way."""

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.02))
