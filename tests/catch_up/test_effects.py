"""Every fault at every call that a catch-up makes to the table, a death before and after each of
them, and at each step: a whole that was delivered is charged once, and nothing else ever is."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from service.core.errors import FareboxError
from service.jobs.entities import Job, JobStatus
from service.providers.generation import Complete, FinishReason, Output
from tests.catch_up.conftest import COST, LATE, USAGE, World, step, world_of
from tests.faults.library.wire import FAULTS

# A job that no one settles is settled by the worker past its hard limit, within this.
SETTLED_SECONDS = 960
# The calls of one catch-up, in order (tests/catch_up/test_cost.py): operation, how many of the same
# come before it.
EFFECTS = [
    ("TransactGetItems", 0),
    *(("GetItem", number) for number in range(4)),
    ("TransactWriteItems", 0),
    ("PutItem", 0),
    ("TransactGetItems", 1),
    ("TransactWriteItems", 1),
]
OUTAGE = 6


@dataclass
class Death(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def shared() -> World:
    """One world for all tests of this file: each has a catch-up of its own."""
    world = world_of(welcome_credits=3000)
    world.made(world.transcript(), step(*LATE))
    return world


@pytest.fixture(scope="module")
def talk(shared: World) -> str:
    return shared.transcript()


def settled(world: World, before: int) -> Job | None:
    """The job that was made since, once the worker has done what it can; None if there is none.
    Whatever became of it, the wallet and the ledger agree with it."""
    world.harness.work_until(SETTLED_SECONDS, SETTLED_SECONDS / 2)
    newest = world.harness.jobs.page("ann", 5, None).jobs
    jobs = [each for each in newest if each.created_at > before]
    assert len(jobs) <= 1
    assert world.harness.wallet().held == 0
    for job in jobs:
        assert not job.is_open
        is_charged = job.status is JobStatus.SUCCEEDED
        assert job.captured == (COST if is_charged else 0)
        if is_charged:
            assert len(world.summary(job)) == len(LATE)
    return jobs[0] if jobs else None


def run(world: World, talk: str, key: str, *script: Any) -> None:
    world.text.scripts[:] = [script or step(*LATE)]
    with suppress(FareboxError, Death):
        world.begin(talk, key=key)
    world.text.scripts.clear()


@pytest.mark.parametrize("times", [1, OUTAGE])
@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize(("operation", "skip"), EFFECTS)
def test_a_fault_at_any_call_charges_a_delivered_whole_and_nothing_else(
    shared: World, talk: str, operation: str, skip: int, fault: str, times: int
) -> None:
    key = f"{operation}-{skip}-{fault}-{times}"
    before, balance = shared.harness.clock.now() - 1, shared.harness.wallet().credits
    sent = len(shared.text.sent)
    wire = shared.harness.wire()
    wire.plan(operation, fault, skip=skip, times=times)
    run(shared, talk, key)
    wire.deliver_late()
    wire.leave()
    job = settled(shared, before)
    assert shared.harness.wallet().credits == balance - (job.captured if job else 0)
    assert len(shared.text.sent) - sent <= 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("operation", "skip"), EFFECTS)
def test_a_death_at_any_call_leaves_nothing_held_and_nothing_charged_twice(
    shared: World, talk: str, operation: str, skip: int, moment: str
) -> None:
    key = f"{operation}-{skip}-{moment}"
    before, balance = shared.harness.clock.now() - 1, shared.harness.wallet().credits
    wire, left = shared.harness.wire(), [skip]

    def dies(made: str, *_: object) -> None:
        if made == operation:
            left[0] -= 1
            if left[0] < 0:
                raise Death

    (wire.before if moment == "before" else wire.after)(dies)
    run(shared, talk, key)
    wire.leave()
    job = settled(shared, before)
    assert shared.harness.wallet().credits == balance - (job.captured if job else 0)


def die() -> None:
    raise Death


@pytest.mark.parametrize(
    "script",
    [
        (die,),
        (Output(LATE[0]), die),
        (Output(LATE[0]), die, Complete(FinishReason.STOP, USAGE)),
    ],
)
def test_a_death_within_a_step_charges_nothing(shared: World, talk: str, script: Any) -> None:
    before, balance = shared.harness.clock.now() - 1, shared.harness.wallet().credits
    run(shared, talk, f"step-{len(script)}", *script)
    job = settled(shared, before)
    assert job is not None
    assert (job.failure, shared.harness.wallet().credits) == ("INTERRUPTED", balance)


def test_a_death_at_twitch_charges_nothing(shared: World, talk: str) -> None:
    before, balance = shared.harness.clock.now() - 1, shared.harness.wallet().credits
    usual, shared.broadcasts.outcome = shared.broadcasts.outcome, die  # type: ignore[assignment]
    run(shared, talk, "twitch")
    shared.broadcasts.outcome = usual
    job = settled(shared, before)
    assert job is not None
    assert (job.failure, shared.harness.wallet().credits) == ("INTERRUPTED", balance)


def test_after_all_of_it_the_audit_is_clean(shared: World) -> None:
    shared.require_clean()
    jobs = shared.harness.jobs.page("ann", 100, None).jobs
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED, JobStatus.FAILED}
