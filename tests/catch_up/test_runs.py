"""Catch-ups in progress: ended by their user or their process, and settled by others where their
process dies."""

from typing import Any

import pytest

from service.catch_up.entities import CatchUpsSaturated, TooManyCatchUps
from service.catch_up.feature import Starter
from service.jobs.cancellation import Cancellation
from service.jobs.entities import Failure, Job, JobStatus
from service.providers.base import NotFound
from service.providers.generation import Output
from service.text.runs import Runs
from service.text.sweeps import Cancellations
from service.text.verdicts import Stop
from tests.catch_up.conftest import COST, LATE, LONG, World, step, world_of


def test_a_user_who_cancels_pays_nothing(world: World) -> None:
    talk = world.transcript(**LONG)
    runs = world.harness.parts.get(Runs)

    (sweep,) = [
        each for each in world.harness.parts.web_sweeps() if isinstance(each, Cancellations)
    ]

    def cancel() -> None:
        (run,) = runs
        assert world.harness.jobs.cancel("ann", run.job.job_id).outcome is Cancellation.REQUESTED
        sweep.run_once()

    begun = step("[0:00:00] It begins.")
    job = world.made(talk, begun, (cancel, Output("never")))
    assert (job.status, job.failure, job.captured) == (JobStatus.FAILED, "CANCELLED", 0)
    assert job.house_loss is not None
    # The second step's input was read.
    assert job.house_loss > COST
    assert len(world.text.sent) == 2
    world.require_clean()


def test_a_step_that_is_cancelled_while_it_writes_is_no_fault_of_the_vendor(world: World) -> None:
    talk = world.transcript()
    (sweep,) = [
        each for each in world.harness.parts.web_sweeps() if isinstance(each, Cancellations)
    ]

    def cancel() -> None:
        (run,) = world.harness.parts.get(Runs)
        world.harness.jobs.cancel("ann", run.job.job_id)
        sweep.run_once()

    job = world.made(talk, (Output(LATE[0]), cancel, Output("never")))
    assert (job.failure, job.captured, world.summary(job)) == ("CANCELLED", 0, None)
    world.require_clean()


def test_no_step_follows_a_cancellation(world: World) -> None:
    talk = world.transcript(**LONG)
    run = world.harness.parts.get(Runs)

    def end() -> None:
        next(iter(run)).stop = Stop.CANCELLED

    job = world.made(talk, (end, *step("[0:00:00] It begins.")))
    assert (job.failure, len(world.text.sent)) == ("CANCELLED", 1)
    world.require_clean()


def test_a_process_that_drains_ends_its_catch_ups_and_charges_nothing(world: World) -> None:
    talk = world.transcript(**LONG)

    def drain() -> None:
        world.harness.parts.get(Runs).end_all()

    job = world.made(talk, (*step("[0:00:00] It begins.")[:1], drain, *step("")[1:]))
    assert (job.failure, job.captured) == ("CATCH_UP_BROKE_OFF", 0)
    world.require_clean()


def held_open() -> tuple[World, Any]:
    """A world whose catch-ups are begun, and whose owner then dies: the threads that were to make
    them never run."""
    started: list[Any] = []
    world = world_of(replacements={Starter: Starter(started.append)})
    return world, started


def test_a_process_that_dies_leaves_nothing_held_and_nothing_charged() -> None:
    world, _ = held_open()
    job_id = world.begin(world.transcript()).job.job_id
    assert world.harness.wallet().held > 0
    world.harness.work_until(600)
    assert world.harness.job(job_id).is_open
    world.harness.work_until(200)
    job = world.harness.job(job_id)
    assert (job.failure, job.captured) == (Failure.INTERRUPTED, 0)
    world.harness.work_until(4000, 600)
    assert world.harness.job(job_id).due_at is None
    world.require_clean()


def test_one_that_was_stored_before_its_process_died_is_charged_by_its_head() -> None:
    world, started = held_open()
    talk = world.transcript()
    job_id = world.begin(talk).job.job_id
    world.text.scripts.append(step(*LATE))
    maker = world.catch_ups._maker

    def dies(*_: object) -> Job:
        raise SystemExit

    maker._jobs = type("Dead", (), {"conclude": dies})()  # type: ignore[assignment]
    with pytest.raises(SystemExit):
        started[-1]()
    assert world.harness.job(job_id).is_open
    world.harness.work_until(800)
    job = world.harness.job(job_id)
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
    assert len(world.summary(job)) == 2
    world.require_clean()


def test_a_thread_that_cannot_be_had_is_a_refusal() -> None:
    def no_thread(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    world = world_of(replacements={Starter: Starter(no_thread)})
    job = world.made(world.transcript())
    assert (job.failure, job.captured) == ("PROVIDER_UNAVAILABLE", 0)
    world.require_clean()


def test_places_are_bounded_and_come_back() -> None:
    world, started = held_open()
    talk = world.transcript()
    world.begin(talk)
    world.begin(talk)
    with pytest.raises(TooManyCatchUps) as refused:
        world.begin(talk)
    assert refused.value.details == {"limit": 2}
    world.text.scripts += [step(*LATE)] * 2
    for each in started:
        each()
    assert world.begin(talk).job.is_open
    full = world_of(catch_up_places=1, user_catch_up_places=1)
    full.catch_ups._owners._shares.take("zoe")
    with pytest.raises(CatchUpsSaturated):
        full.begin(full.transcript())
    full.require_clean()


def test_what_was_paid_for_is_shown_though_the_table_fails_just_then(world: World) -> None:
    talk = world.transcript()
    world.text.scripts.append(step(*LATE))
    run = world.begin(talk)
    assert run.content["summary"] == world.summary(run.job)
    assert run.content["broadcast"]["title"] == "Harbour lights"
    world.broadcasts.outcome = NotFound()
    assert world.begin(talk).content == {"broadcast": None, "summary": None}
