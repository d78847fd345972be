"""What an operator's action writes together with the settlement that it causes."""

from typing import Any

import pytest

from service.core.errors import Conflict
from service.jobs.entities import JobStatus
from service.jobs.settlement_terms import Addition
from service.ledger.entities import EntryKind
from service.ledger.movements import Movement
from service.ledger.operations import ConditionalWrite, Snapshot
from service.providers.base import TaskStatus
from service.storage.keys import Key
from service.storage.writes import Put
from tests.doubles.service_harness import ServiceHarness
from tests.jobs.test_force_release import overdue

NOTE = Key("USER#ann", "OPERATION#1")


def addition(refusal: Exception | None = None) -> Addition:
    """A note of the entry that the settlement makes; none where there is one already."""

    def writes(snapshot: Snapshot, movement: Movement, now: int) -> list[ConditionalWrite]:
        if snapshot.item(NOTE) is not None:
            return []
        if refusal is not None:
            raise refusal
        entry = movement.entries[-1]
        return [ConditionalWrite(Put(NOTE, {"kind": entry.kind, "at": now}))]

    return Addition((NOTE,), writes)


def note(world: ServiceHarness) -> Any:
    item = world.table.get(NOTE)
    return item["kind"] if item else None


def test_a_capture_writes_it_in_its_own_transaction(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    settled = world.settlement.adding(addition()).resolve("ann", job_id)
    assert (settled.status, note(world)) == (JobStatus.SUCCEEDED, EntryKind.CAPTURE)


def test_a_release_by_hand_writes_it_too(world: ServiceHarness) -> None:
    job_id = overdue(world)
    world.settlement.adding(addition()).force_release("ann", job_id)
    assert note(world) == EntryKind.RELEASE


def test_what_settles_nothing_does_not_write_it(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.settlement.adding(addition()).resolve("ann", job_id)
    assert note(world) is None


def test_the_settlement_itself_stays_as_it_was(world: ServiceHarness) -> None:
    world.settlement.adding(addition())
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    assert note(world) is None


def test_its_refusal_leaves_the_job_open(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    before = world.items()
    with pytest.raises(Conflict):
        world.settlement.adding(addition(Conflict())).resolve("ann", job_id)
    assert world.items() == before


def test_a_lost_response_writes_it_once(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.wire().plan("TransactWriteItems", "lost-answer")
    settled = world.settlement.adding(addition()).resolve("ann", job_id)
    assert (settled.status, note(world)) == (JobStatus.SUCCEEDED, EntryKind.CAPTURE)
    assert world.balance() == (2, 0, 1)
