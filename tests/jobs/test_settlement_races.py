"""Settling a job while the table fails or another process settles it too."""

from typing import Any

import pytest

from service.core.metrics import Metric
from service.jobs.entities import Failure, JobStatus
from service.providers.base import (
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    Task,
    TaskStatus,
)
from tests.doubles.alarms import Alarms
from tests.doubles.service_harness import ServiceHarness
from tests.jobs.lost_jobs import lost


@pytest.mark.parametrize(
    "fault",
    [
        *("lost-answer", "lost-request", "throttle", "conflict", "internal"),
        *("foreign-applied", "foreign-lost"),
    ],
)
@pytest.mark.parametrize("end", [TaskStatus.SUCCEEDED, TaskStatus.FAILED])
@pytest.mark.protocol("capture-with-result")
def test_a_disturbed_settlement_happens_once(
    world: ServiceHarness, fault: str, end: TaskStatus
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, end)
    world.wire().plan("TransactWriteItems", fault)
    world.work_until(60)
    assert world.balance() == ((2, 0, 1) if end is TaskStatus.SUCCEEDED else (3, 0, 0))
    assert world.audit().violations == ()


def test_a_settlement_that_lands_late_settles_nothing_twice(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    wire = world.wire()
    wire.plan("TransactWriteItems", "late")
    world.work_until(60)
    assert wire.deliver_late() == [400]
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


def test_a_worker_that_dies_before_the_capture_leaves_it_to_the_next(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)

    def die(operation: str) -> None:
        if operation == "TransactWriteItems":
            raise KeyboardInterrupt

    dying = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    dying.wire().before(die)
    world.clock.advance(30)
    with pytest.raises(KeyboardInterrupt):
        dying.settlement.resolve("ann", job_id)
    world.work()
    assert world.balance() == (2, 0, 1)


@pytest.mark.protocol("exact-settlement")
def test_two_workers_that_saw_the_same_thing_settle_it_once(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    """The second worker acts between the first one's lookup and its write."""
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    other = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    done: list[bool] = []

    def interfere(operation: str) -> None:
        if operation == "TransactWriteItems" and not done:
            done.append(True)
            other.settlement.resolve("ann", job_id)

    world.wire().before(interfere)
    world.clock.advance(30)
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


def test_a_job_that_another_worker_has_just_fetched_is_left_alone(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    """Both workers found the job in the index; the first has postponed its next lookup before the
    second reads it."""
    world.submit()
    other = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    done: list[bool] = []

    def interfere(operation: str) -> None:
        if operation == "GetItem" and not done:
            done.append(True)
            other.work()

    world.wire().before(interfere)
    world.clock.advance(30)
    world.work()
    assert (done, len(world.provider.requested)) == ([True], 1)


def test_a_release_whose_response_is_lost_is_not_mistaken_for_another(
    client: Any, table_name: str, world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request's own release never arrives, and another process releases the job for another
    reason: that reason counts, and the release is counted where it was made."""
    counted = Alarms()
    monkeypatch.setattr(world.settlement, "_metrics", counted)
    other = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-request", skip=2)

    def interfere(operation: str) -> None:
        if operation == "TransactGetItems" and wire.calls.count("TransactWriteItems") == 3:
            (job,) = other.jobs.page("ann", 10, None).jobs
            other.settlement.decline(job, Failure.PROVIDER_UNRESOLVED)

    wire.before(interfere)
    placed = world.submit()
    assert placed.job == world.job(placed.job.job_id)
    assert placed.job.failure == Failure.PROVIDER_UNRESOLVED
    assert counted.of(Metric.RELEASES) == 0
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


@pytest.mark.protocol("exact-settlement")
def test_workers_that_saw_different_things_agree_on_the_first_to_write(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    job_id = world.submit().job.job_id
    task = world.provider.book(job_id, TaskStatus.SUCCEEDED)
    other = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    world.provider.lookups = [
        Found(Task(task.task_id, TaskStatus.FAILED)),
        Found(task),
    ]
    done: list[bool] = []

    def interfere(operation: str) -> None:
        if operation == "TransactWriteItems" and not done:
            done.append(True)
            other.settlement.resolve("ann", job_id)

    world.wire().before(interfere)
    world.clock.advance(30)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).status is JobStatus.SUCCEEDED
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


@pytest.mark.protocol("exact-settlement")
def test_what_was_observed_of_one_task_never_settles_a_job_that_has_another(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    """A query by our id returns one task, while the late response to the create records another."""
    world.provider.creates = [Indeterminate()]
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    other = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    done: list[bool] = []

    def interfere(operation: str) -> None:
        if operation == "UpdateItem" and not done:
            done.append(True)
            other.settlement.record(other.job(job_id), Task("task-of-its-own", TaskStatus.RUNNING))

    world.wire().before(interfere)
    world.clock.advance(30)
    world.settlement.resolve("ann", job_id)
    job = world.job(job_id)
    assert (job.status, job.task_id) == (JobStatus.SUBMITTED, "task-of-its-own")
    assert world.balance() == (2, 1, 0)
    assert world.audit().violations == ()


@pytest.mark.protocol("record-after-release", "record-exactly")
def test_a_request_whose_job_was_released_meanwhile_makes_it_watched_anew(
    world: ServiceHarness,
) -> None:
    """T3 comes after the release as unresolved: the task id is kept and the watch begins again."""
    job_id = lost(world, taken=False)
    job = world.job(job_id)
    world.work_until(800)
    before = world.job(job_id).watch_until
    assert before is not None
    world.clock.advance(100)
    task = world.provider.book(job_id, TaskStatus.RUNNING)
    after = world.settlement.record(job, task)
    assert (after.status, after.task_id) == (JobStatus.FAILED, task.task_id)
    assert world.job(job_id) == after
    assert after.watch_until is not None
    assert after.watch_until > before
    assert world.audit().violations == ()


def test_a_stale_index_entry_changes_nothing(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    before = world.items()
    world.provider.lookups = [NotFound()]
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert world.items() == before


@pytest.mark.protocol("exact-settlement")
def test_a_job_that_has_ended_is_never_settled_again(world: ServiceHarness) -> None:
    world.submit()
    job_id = lost(world, taken=False)
    world.work_until(800)
    released = world.job(job_id)
    before = world.items()
    assert world.settlement.decline(released, Failure.PROVIDER_UNAVAILABLE) == released
    assert world.items() == before


@pytest.mark.protocol("response-from-store")
def test_a_refusal_of_a_job_that_was_settled_meanwhile_returns_it_as_stored(
    world: ServiceHarness,
) -> None:
    world.submit()
    job_id = lost(world, taken=False)
    read_before = world.job(job_id)
    world.work_until(800)
    stored, before = world.job(job_id), world.items()
    assert world.settlement.decline(read_before, Failure.PROVIDER_UNAVAILABLE) == stored
    assert stored.failure == Failure.PROVIDER_UNRESOLVED
    assert world.items() == before
