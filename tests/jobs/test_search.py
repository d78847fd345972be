"""Reading a user's jobs and entries from the newest on."""

import pytest

from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, welcome_credits=100)


def submitted(world: ServiceHarness, count: int) -> list[str]:
    """Newest first."""
    ids = []
    for _ in range(count):
        ids.append(world.submit().job.job_id)
        world.clock.advance(1)
    return ids[::-1]


def test_jobs_before_a_job_are_the_older_ones(memory: MemoryBehind, world: ServiceHarness) -> None:
    ids = submitted(world, 5)
    found = world.search.latest("ann", 2, before=ids[1])
    assert [job.job_id for job in found] == ids[2:4]
    with Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill:
        world.search.latest("ann", 2, before=ids[1])
    assert bill.calls == ["Query"]
    assert world.search.latest("ann", 2, before=ids[4]) == []


def test_entries_below_a_version_are_the_older_ones(
    memory: MemoryBehind, world: ServiceHarness
) -> None:
    submitted(world, 5)
    newest = world.ledger.newest_entries("ann", 2)
    assert [entry.version for entry in newest] == [6, 5]
    with Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill:
        older = world.ledger.newest_entries("ann", 3, below=5)
    assert [entry.version for entry in older] == [4, 3, 2]
    assert bill.calls == ["Query"]
    assert world.ledger.newest_entries("ann", 2, below=1) == []
    assert world.ledger.newest_entries("bob", 2) == []
