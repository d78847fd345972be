"""Releasing by hand a job that never ends by itself."""

from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.jobs.entities import Failure, JobStatus, ReleaseNotAllowed
from service.providers.base import Indeterminate, NotFound, Task, TaskStatus
from tests.doubles.service_harness import ServiceHarness
from tests.jobs.lost_jobs import lost

OVERDUE = 24 * 3600 + 1


def overdue(world: ServiceHarness) -> str:
    """A job that the provider calls delivered, with a link that cannot be used, for longer than any
    job may take."""
    job_id = world.submit().job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, "ftp://nowhere")
    world.work_until(OVERDUE, step=3600)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    return job_id


def test_a_job_whose_link_stays_unusable_can_be_given_up_and_is_watched_further(
    world: ServiceHarness,
) -> None:
    job_id = overdue(world)
    given_up = world.settlement.force_release("ann", job_id)
    assert (given_up.failure, world.balance()) == (Failure.PROVIDER_UNRESOLVED, (3, 0, 0))
    assert given_up == replace(
        world.job(job_id), submit_until=given_up.submit_until, hard_at=given_up.hard_at
    )
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(1000)
    assert (world.job(job_id).house_loss, world.balance()) == (1 * SCALE, (3, 0, 0))
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    ("last_status", "status", "failure", "balance"),
    [
        (TaskStatus.SUCCEEDED, JobStatus.SUCCEEDED, None, (2, 0, 1)),
        (TaskStatus.FAILED, JobStatus.FAILED, Failure.GENERATION_FAILED, (3, 0, 0)),
        (TaskStatus.RUNNING, JobStatus.FAILED, Failure.PROVIDER_UNRESOLVED, (3, 0, 0)),
    ],
)
def test_giving_up_fetches_the_task_once_more_and_believes_what_is_certain(
    world: ServiceHarness,
    last_status: TaskStatus,
    status: JobStatus,
    failure: Failure | None,
    balance: tuple[int, int, int],
) -> None:
    job_id = overdue(world)
    world.provider.book(job_id, last_status)
    given_up = world.settlement.force_release("ann", job_id)
    assert (given_up.status, given_up.failure, world.balance()) == (status, failure, balance)
    assert world.audit().violations == ()


@pytest.mark.parametrize("lookup", [Indeterminate(), NotFound(), RuntimeError("broken")])
def test_a_job_of_which_the_provider_says_nothing_can_be_given_up(
    world: ServiceHarness, lookup: Any
) -> None:
    job_id = lost(world, taken=False)
    world.provider.fetch_task = _raises_or_returns(Indeterminate())
    world.work_until(OVERDUE, step=3600)
    assert world.job(job_id).is_open
    world.provider.fetch_task = _raises_or_returns(lookup)
    assert world.settlement.force_release("ann", job_id).failure == Failure.PROVIDER_UNRESOLVED
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


def test_a_late_task_of_a_job_that_was_never_recorded_is_charged_when_it_is_given_up(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=False)
    world.clock.advance(OVERDUE)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    assert world.settlement.force_release("ann", job_id).status is JobStatus.SUCCEEDED
    assert (world.job(job_id).task_id, world.balance()) == (f"task-{job_id}", (2, 0, 1))
    assert world.audit().violations == ()


@pytest.mark.parametrize("ended", [False, True])
def test_a_job_that_may_still_settle_or_has_ended_is_not_given_up(
    world: ServiceHarness, ended: bool
) -> None:
    job_id = world.submit().job.job_id
    if ended:
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.work_until(60)
    before, lookups = world.items(), len(world.provider.requested)
    with pytest.raises(
        ReleaseNotAllowed, match="has ended already" if ended else "may still settle"
    ):
        world.settlement.force_release("ann", job_id)
    assert (world.items(), len(world.provider.requested)) == (before, lookups)


def test_a_job_that_somebody_else_settles_while_it_is_given_up_ends_once(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name)
    job_id = overdue(world)
    twin = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    fetch_task = world.provider.fetch_task

    def slow(task_id: str | None, requested_id: str) -> Any:
        world.provider.fetch_task = fetch_task
        lookup = fetch_task(task_id, requested_id)
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        assert twin.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
        return lookup

    world.provider.fetch_task = slow
    assert world.settlement.force_release("ann", job_id).status is JobStatus.SUCCEEDED
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


def _raises_or_returns(lookup: Any) -> Any:
    def fetch_task(task_id: str | None, job_id: str) -> Any:
        if isinstance(lookup, Exception):
            raise lookup
        return lookup

    return fetch_task
