"""Reading jobs: whose they are, pages of them, and waiting for the end of one."""

import pytest

from service.jobs.entities import JobNotFound, JobStatus
from service.providers.base import TaskStatus
from service.storage.cursor import PageTokenInvalid
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind


def test_another_users_job_is_not_found_exactly_like_an_unknown_one(world: ServiceHarness) -> None:
    job = world.submit().job
    errors = []
    for job_id in (
        job.job_id,
        job.job_id[:-1] + ("0" if job.job_id[-1] != "0" else "1"),
        "job_x",
        "../METADATA",
    ):
        with pytest.raises(JobNotFound) as refused:
            world.jobs.get("bob", job_id)
        errors.append((refused.value.message, refused.value.details))
    assert errors.count(errors[0]) == 4


def test_jobs_are_listed_newest_first_page_by_page(memory: MemoryBehind) -> None:
    world = ServiceHarness(memory, memory.name, welcome_credits=10)
    placed = []
    for _ in range(5):
        placed.append(world.submit().job.job_id)
        world.clock.advance(1)
    first = world.jobs.page("ann", 3, None)
    second = world.jobs.page("ann", 3, first.next_token)
    assert [job.job_id for job in first.jobs + second.jobs] == placed[::-1]
    assert second.next_token is None
    assert world.jobs.page("bob", 3, None).jobs == []


@pytest.mark.parametrize("token", ["x", "!!!!", "TUVUQURBVEE", "A" * 500])
def test_a_foreign_page_token_is_refused(world: ServiceHarness, token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        world.jobs.page("ann", 3, token)


def test_a_page_token_is_of_one_user_and_of_no_other(memory: MemoryBehind) -> None:
    world = ServiceHarness(memory, memory.name, welcome_credits=10)
    for _ in range(2):
        world.submit()
        world.clock.advance(1)
    token = world.jobs.page("ann", 1, None).next_token
    assert token is not None
    assert len(world.jobs.page("ann", 1, token).jobs) == 1
    with pytest.raises(PageTokenInvalid):
        world.jobs.page("bob", 1, token)


def test_waiting_ends_with_the_job(world: ServiceHarness) -> None:
    job = world.submit().job
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.wire().before(lambda operation: None)
    real_sleep = world.clock.sleep
    world.clock.sleep = lambda seconds: (
        real_sleep(seconds),
        world.settlement.resolve("ann", job.job_id),
    )
    started = world.clock.monotonic()
    assert world.jobs.wait_for("ann", job.job_id, 25).job.status is JobStatus.SUCCEEDED
    assert world.clock.monotonic() - started < 2


def test_waiting_ends_with_the_time(world: ServiceHarness) -> None:
    job = world.submit().job
    started = world.clock.monotonic()
    assert world.jobs.wait_for("ann", job.job_id, 10).job.status is JobStatus.SUBMITTED
    assert world.clock.monotonic() - started == pytest.approx(10)


def test_a_stream_ends_soon_after_the_process_begins_to_drain(
    memory: MemoryBehind,
) -> None:
    world = ServiceHarness(memory, memory.name)
    job, started = world.submit().job, world.clock.monotonic()
    waits = list(world.jobs.waits("ann", job, 15, lambda: world.clock.monotonic() > started + 20))
    assert [each.is_open for each in waits] == [True] * 3
    assert 20 < world.clock.monotonic() - started <= 22


def test_a_request_that_waits_is_returned_when_the_process_begins_to_drain(
    memory: MemoryBehind,
) -> None:
    """With a pause: over the same connection, the next one would come at once."""
    world = ServiceHarness(memory, memory.name)
    job_id, started = world.submit().job.job_id, world.clock.monotonic()
    waited = world.jobs.wait_for("ann", job_id, 25, lambda: world.clock.monotonic() > started + 3)
    assert 3 < world.clock.monotonic() - started <= 5
    assert (waited.job.is_open, waited.retry_after_seconds) == (True, 5)


@pytest.mark.parametrize("held_by", [("ann", "ann"), ("bob", "cat")])
def test_beyond_the_bounds_of_waiting_requests_the_response_comes_at_once_and_says_so(
    world: ServiceHarness, held_by: tuple[str, ...]
) -> None:
    job = world.submit().job
    for user_id in held_by:
        world.jobs._places.take(user_id)
    started = world.clock.monotonic()
    waited = world.jobs.wait_for("ann", job.job_id, 10)
    assert world.clock.monotonic() == started
    assert (waited.job.status, waited.retry_after_seconds) == (JobStatus.SUBMITTED, 5)
    world.jobs._places.put_back(held_by[0])
    assert world.jobs.wait_for("ann", job.job_id, 10).retry_after_seconds is None
    assert world.clock.monotonic() == pytest.approx(started + 10)


def test_the_last_page_names_no_further_one(memory: MemoryBehind) -> None:
    world = ServiceHarness(memory, memory.name, welcome_credits=10)
    for count in range(1, 5):
        world.submit()
        world.clock.advance(1)
        assert world.jobs.page("ann", count, None).next_token is None
        pages, token = 1, world.jobs.page("ann", 1, None).next_token
        while token:
            page = world.jobs.page("ann", 1, token)
            pages, token = pages + 1, page.next_token
            assert len(page.jobs) == 1
        assert pages == count
