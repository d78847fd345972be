"""A job's receipt: what its end left of the balance is in the transaction that made it so."""

import pytest

from service.core.amounts import SCALE
from service.jobs.entities import Job
from service.jobs.schemas import job_body
from service.providers.base import Indeterminate, TaskStatus
from tests.doubles.service_harness import ServiceHarness


def settled(world: ServiceHarness, status: TaskStatus) -> Job:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, status)
    return world.settlement.resolve("ann", job_id)


def receipt(world: ServiceHarness, job: Job) -> object:
    return job_body(job, world.operations)["receipt"]


def test_an_open_job_has_a_receipt_without_a_balance(world: ServiceHarness) -> None:
    assert receipt(world, world.submit().job) == {
        "quoted": 1,
        "held": 1,
        "captured": 0,
        "released": 0,
        "usage": {},
        "balanceAfter": None,
    }


def test_a_delivered_job_says_what_it_cost_and_what_was_left(world: ServiceHarness) -> None:
    job = settled(world, TaskStatus.SUCCEEDED)
    assert receipt(world, world.job(job.job_id)) == receipt(world, job)
    assert receipt(world, job) == {
        "quoted": 1,
        "held": 1,
        "captured": 1,
        "released": 0,
        "usage": dict(job.usage),
        "balanceAfter": 2,
    }
    assert world.audit().violations == ()


def test_a_failed_job_says_that_everything_came_back(world: ServiceHarness) -> None:
    job = settled(world, TaskStatus.FAILED)
    assert job.balance_after == world.job(job.job_id).balance_after == 3 * SCALE


def test_a_job_that_another_one_overlaps_has_the_balance_of_its_own_end(
    world: ServiceHarness,
) -> None:
    first, second = world.submit().job.job_id, world.submit().job.job_id
    for job_id in (second, first):
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        assert world.settlement.resolve("ann", job_id).balance_after == SCALE
    world.submit()
    assert world.job(first).balance_after == SCALE


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.FAILED])
def test_a_lost_response_does_not_lose_the_receipt(
    world: ServiceHarness, status: TaskStatus
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, status)
    world.wire().plan("TransactWriteItems", "lost-answer")
    job = world.settlement.resolve("ann", job_id)
    assert job.balance_after == world.job(job_id).balance_after is not None


def test_a_late_delivery_leaves_the_receipt_as_it_was(world: ServiceHarness) -> None:
    world.provider.creates = [Indeterminate()]
    job_id = world.submit().job.job_id
    for seconds in (700, 100):
        world.clock.advance(seconds)
        released = world.settlement.resolve("ann", job_id)
    assert (released.failure, released.balance_after) == ("PROVIDER_UNRESOLVED", 3 * SCALE)
    world.submit()
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    late = world.settlement.resolve("ann", job_id)
    assert (late.house_loss, late.balance_after) == (SCALE, 3 * SCALE)
    assert world.audit().violations == ()
