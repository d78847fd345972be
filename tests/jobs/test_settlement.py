"""How a job ends: what the worker reads from the provider, and what it settles from that."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.core.metrics import NoMetrics
from service.jobs.entities import Failure, JobStatus, ReleaseNotAllowed
from service.jobs.sweeps import DueJobs
from service.ledger.entities import OutcomeUnknown, WalletBusy, WalletFrozen
from service.providers.base import (
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    Task,
    TaskStatus,
)
from tests.doubles.service_harness import ServiceHarness


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


def lost(world: ServiceHarness, *, taken: bool) -> str:
    """A job whose create got no response; the provider has accepted it or not."""
    world.provider.creates = [Indeterminate()]
    job_id = world.submit().job.job_id
    if taken:
        world.provider.book(job_id, TaskStatus.RUNNING)
    return job_id


def test_a_delivered_video_is_charged_with_its_link_in_one_step(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(30)
    job = world.job(job_id)
    assert (job.status, job.due_at) == (JobStatus.SUCCEEDED, None)
    assert (job.result or {})["videoUrl"] == f"https://videos.example.com/{job_id}.mp4"
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


def test_a_failed_generation_returns_the_credit(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(30)
    assert (world.job(job_id).failure, world.balance()) == ("GENERATION_FAILED", (3, 0, 0))
    assert world.audit().violations == ()


def test_a_running_job_is_fetched_less_and_less_often(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.work_until(1800, step=10)
    lookups = len(world.provider.requested)
    assert 30 <= lookups <= 50
    assert world.job(job_id).status is JobStatus.SUBMITTED
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "ftp://x.example/v.mp4",
        "http://x.example/v.mp4",
        "https://",
        "https://x.example/" + "v" * 2000,
    ],
)
def test_a_success_without_a_usable_link_is_not_charged(
    world: ServiceHarness, url: str | None
) -> None:
    job_id = world.submit().job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, url)
    world.work_until(120)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    assert world.balance() == (2, 1, 0)


def test_an_accepted_task_whose_response_is_lost_is_found_and_charged_once(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=True)
    world.work_until(60)
    assert (world.job(job_id).status, world.job(job_id).task_id) == (
        JobStatus.SUBMITTED,
        f"task-{job_id}",
    )
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(120)
    assert world.balance() == (2, 0, 1)
    assert len(world.provider.sent) == 1


def test_a_lost_request_comes_back_only_after_two_not_founds_and_the_quarantine(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=False)
    world.work_until(610, step=10)
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.work_until(100, step=10)
    job = world.job(job_id)
    assert (job.failure, world.balance()) == ("PROVIDER_UNRESOLVED", (3, 0, 0))
    assert job.watch_until is not None
    assert world.audit().violations == ()


def test_one_not_found_is_not_enough_however_late_it_comes(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.clock.advance(5000)
    world.work()
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.clock.advance(61)
    world.work()
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"


def test_a_slow_not_found_counts_from_its_response_not_from_its_request(
    world: ServiceHarness,
) -> None:
    """The provider may have searched at any moment until it responded: the second lookup must be
    far enough from that."""
    job_id = lost(world, taken=False)
    world.clock.advance(700)
    fetch_task = world.provider.fetch_task
    world.provider.fetch_task = lambda *arguments: (
        world.clock.advance(40),
        fetch_task(*arguments),
    )[1]
    world.work()
    world.provider.fetch_task = fetch_task
    world.clock.advance(30)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.clock.advance(31)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"


def test_errors_never_count_as_not_found(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.provider.lookups = [Indeterminate()] * 1000
    world.work_until(3600)
    assert world.job(job_id).status is JobStatus.SUBMITTING
    assert world.balance() == (2, 1, 0)


def test_a_not_found_before_the_end_of_the_window_counts_for_nothing(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.clock.advance(10)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).not_found_at is None


def test_a_late_success_after_the_release_is_delivered_and_counted_as_house_loss(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(1000)
    job = world.job(job_id)
    assert (job.status, job.house_loss, job.due_at) == (JobStatus.FAILED, 1, None)
    assert job.result is not None
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


def test_a_watch_ends_when_the_task_has_failed(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(1000)
    assert (world.job(job_id).watch_until, world.job(job_id).due_at) == (None, None)


def test_a_watch_ends_with_its_time(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.work_until(25 * 3600, step=600)
    assert (world.job(job_id).watch_until, world.job(job_id).due_at) == (None, None)
    lookups = len(world.provider.requested)
    world.work_until(3600, step=600)
    assert len(world.provider.requested) == lookups


def test_a_late_success_of_a_job_that_failed_otherwise_is_delivered_too(
    world: ServiceHarness,
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(60)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    job = world.settlement.resolve("ann", job_id)
    assert (job.status, job.house_loss) == (JobStatus.FAILED, 1)
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


def test_a_job_that_still_runs_at_the_hard_limit_is_released_and_watched(
    world: ServiceHarness,
) -> None:
    job_id = world.submit().job.job_id
    world.work_until(24 * 3600 - 600, step=300)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    world.work_until(1200, step=60)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(2000, step=100)
    assert world.job(job_id).house_loss == 1


def test_a_success_at_the_hard_limit_is_still_charged(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.clock.advance(25 * 3600)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work()
    assert world.job(job_id).status is JobStatus.SUCCEEDED


def test_a_submitted_task_that_vanishes_is_kept_until_the_hard_limit(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.tasks.clear()
    world.work_until(23 * 3600, step=600)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    world.work_until(2 * 3600, step=600)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"


def test_when_nothing_responds_at_the_hard_limit_the_job_waits(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.lookups = [Indeterminate()] * 1000
    world.work_until(26 * 3600, step=600)
    assert world.job(job_id).status is JobStatus.SUBMITTED


@pytest.mark.parametrize(
    "fault", ["lost-answer", "lost-request", "throttle", "conflict", "internal"]
)
@pytest.mark.parametrize("end", [TaskStatus.SUCCEEDED, TaskStatus.FAILED])
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
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    """The request's own release never arrives, and another process releases the job for another
    reason: that reason counts."""
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
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


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


def test_a_stale_index_entry_changes_nothing(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    before = world.items()
    world.provider.lookups = [NotFound()]
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert world.items() == before


def test_a_job_that_has_ended_is_never_settled_again(world: ServiceHarness) -> None:
    world.submit()
    job_id = lost(world, taken=False)
    world.work_until(800)
    released = world.job(job_id)
    before = world.items()
    assert world.settlement.decline(released, Failure.PROVIDER_UNAVAILABLE) == released
    assert world.items() == before


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


OVERDUE = 24 * 3600 + 1


def overdue(world: ServiceHarness) -> str:
    """A job that the provider calls delivered, with a link that cannot be used, for longer than any
    job may take."""
    job_id = world.submit().job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, "ftp://nowhere")
    world.work_until(OVERDUE, step=600)
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
    assert (world.job(job_id).house_loss, world.balance()) == (1, (3, 0, 0))
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
    world.work_until(OVERDUE, step=600)
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
