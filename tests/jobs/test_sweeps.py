"""The worker's sweep over the jobs that are due."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.core.metrics import NoMetrics
from service.jobs.entities import JobStatus
from service.jobs.sweeps import DueJobs
from service.ledger.entities import OutcomeUnknown, WalletBusy, WalletFrozen
from service.providers.base import TaskStatus
from tests.doubles.service_harness import ServiceHarness


def test_one_broken_job_does_not_stop_the_others(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=10)
    broken, *others = [world.submit().job.job_id for _ in range(4)]
    for job_id in others:
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
    fetch_task = world.provider.fetch_task

    def sometimes(task_id: str | None, job_id: str) -> Any:
        if job_id == broken:
            raise RuntimeError("a fault of ours")
        return fetch_task(task_id, job_id)

    world.provider.fetch_task = sometimes
    world.work_until(60)
    assert [world.job(job_id).status for job_id in others] == [JobStatus.SUCCEEDED] * 3
    assert world.job(broken).status is JobStatus.SUBMITTED


@pytest.mark.protocol("no-slowest")
def test_jobs_that_cannot_be_resolved_make_way_for_those_behind_them(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=200)
    sick = {world.submit().job.job_id for _ in range(130)}
    fetch_task = world.provider.fetch_task

    def sometimes(task_id: str | None, job_id: str) -> Any:
        if job_id in sick:
            raise WalletFrozen
        return fetch_task(task_id, job_id)

    world.provider.fetch_task = sometimes
    world.clock.advance(1)
    well = world.submit().job.job_id
    world.provider.book(well, TaskStatus.SUCCEEDED)
    world.clock.advance(30)
    rounds = [world.work() for _ in range(3)]
    assert rounds[0] is False, "no round follows at once when nothing could be done"
    assert world.job(well).status is JobStatus.SUCCEEDED


def test_a_worker_that_is_to_stop_begins_no_further_job(world: ServiceHarness) -> None:
    """A batch may hold a hundred jobs of five seconds each: longer than anybody waits before
    killing the process."""
    for _ in range(3):
        world.submit()
    world.clock.advance(30)
    with ThreadPoolExecutor(1) as executor:
        parts = (world.table, world.settlement, world.clock, NoMetrics(), executor)
        sweep = DueJobs(*parts, stopping=lambda: bool(world.provider.requested))
        assert sweep.run_once() is False
    assert len(world.provider.requested) == 1


@pytest.mark.protocol("no-slowest")
def test_a_run_does_not_wait_for_its_slowest_job(world: ServiceHarness) -> None:
    """Jobs that become due while a vendor's response drips are resolved meanwhile."""
    slow, quick = (world.submit(user, user).job.job_id for user in ("ann", "bob"))
    world.provider.book(quick, TaskStatus.SUCCEEDED)
    fetch_task, responding = world.provider.fetch_task, threading.Event()

    def sometimes(task_id: str | None, job_id: str) -> Any:
        if job_id == slow:
            responding.wait(60)
        return fetch_task(task_id, job_id)

    world.provider.fetch_task = sometimes
    world.clock.advance(30)
    with ThreadPoolExecutor(2) as executor:
        sweep = DueJobs(
            world.table,
            world.settlement,
            world.clock,
            NoMetrics(),
            executor,
            interval_seconds=0.2,
        )
        assert sweep.run_once() is True, "the next run follows at once"
        late = world.submit("bob", "bob").job.job_id
        world.provider.book(late, TaskStatus.SUCCEEDED)
        world.clock.advance(30)
        until(lambda: sweep.run_once() and not world.job(late, "bob").is_open)
        assert world.job(quick, "bob").status is JobStatus.SUCCEEDED
        assert world.job(slow).status is JobStatus.SUBMITTED
        assert [job_id for _, job_id in world.provider.requested].count(late) == 1
        responding.set()
    assert [job_id for _, job_id in world.provider.requested].count(slow) == 1


def until(done: Callable[[], bool], rounds: int = 200) -> None:
    assert any(done() for _ in range(rounds))


@pytest.mark.parametrize("passing", [WalletBusy, OutcomeUnknown])
def test_what_passes_by_itself_is_tried_again_in_the_next_round(
    world: ServiceHarness, passing: type[Exception]
) -> None:
    """A table that restarts makes wallets busy and outcomes unknown for a moment: no reason to put
    a job off for a minute."""
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    fetch_task, errors = world.provider.fetch_task, [passing()]

    def fails_once(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return fetch_task(*arguments)

    world.provider.fetch_task = fails_once
    world.clock.advance(30)
    assert world.work() is False
    world.work()
    assert world.job(job_id).status is JobStatus.SUCCEEDED
