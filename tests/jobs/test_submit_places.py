"""How many jobs a process submits at once: what is over the limit is refused before the hold."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from service.jobs.entities import ProviderSaturated, TooManyJobs
from service.jobs.operations import Submission
from service.jobs.submit_places import WAIT_SECONDS, SubmitPlaces
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness


@contextmanager
def submitting(world: ServiceHarness, *users: str) -> Iterator[list[Future[Submission]]]:
    """Each of the users' jobs is with the provider, which responds when the block ends."""
    responding, arrived = threading.Event(), threading.Semaphore(0)
    create = world.provider.create

    def slow(*arguments: Any) -> Any:
        arrived.release()
        responding.wait(120)
        return create(*arguments)

    world.provider.create = slow
    with ThreadPoolExecutor(max(1, len(users))) as executor:
        jobs = [executor.submit(world.submit, user, user) for user in users]
        for _ in users:
            assert arrived.acquire(timeout=60)
        world.provider.create = create
        try:
            yield jobs
        finally:
            responding.set()


@pytest.fixture
def narrow(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, user_submit_limit=2)


def test_a_user_who_submits_too_many_at_once_is_refused_and_nothing_is_written(
    narrow: ServiceHarness,
) -> None:
    with submitting(narrow, "ann", "ann") as jobs:
        before = narrow.items()
        with pytest.raises(TooManyJobs) as refused:
            narrow.submit("ann", "ann", key="k")
        assert narrow.items() == before
        assert narrow.submit("bob", "bob").job.job_id, "others are not affected"
    assert refused.value.details == {"limit": 2}
    assert refused.value.retry_after_seconds == 2
    assert [job.result().job.task_id is not None for job in jobs] == [True, True]
    assert narrow.submit("ann", "ann", key="k").replayed is False, "the key stayed free"
    assert narrow.audit().violations == ()


def test_a_repeated_request_gets_its_job_whatever_else_its_user_submits(
    narrow: ServiceHarness,
) -> None:
    job_id = narrow.submit("ann", "ann", key="k").job.job_id
    with submitting(narrow, "ann", "ann"):
        repeated = narrow.submit("ann", "ann", key="k")
    assert (repeated.job.job_id, repeated.replayed) == (job_id, True)


def test_a_new_user_over_the_limit_is_not_signed_up(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, user_submit_limit=1)
    world.jobs._submit_places = SubmitPlaces(1, 1, world.clock)
    with submitting(world, "ann"):
        before = world.items()
        with pytest.raises(ProviderSaturated) as refused:
            world.submit("bob", "bob")
        assert world.items() == before
    assert refused.value.retry_after_seconds == 5
    assert world.submit("bob", "bob").job.job_id


def test_a_place_that_is_left_soon_is_waited_for() -> None:
    """A burst of jobs is no reason to refuse any where the provider responds as usual."""
    clock = FakeClock()
    places = SubmitPlaces(1, 1, clock)
    first = places.place("ann", "kling")
    first.__enter__()
    sleep = clock.sleep

    def leave_meanwhile(seconds: float) -> None:
        sleep(seconds)
        first.__exit__(None, None, None)

    clock.sleep = leave_meanwhile  # type: ignore[method-assign]
    started = clock.monotonic()
    with places.place("ann", "kling"):
        assert clock.monotonic() - started < WAIT_SECONDS


def test_no_more_wait_than_there_are_places() -> None:
    """Whoever waits keeps a connection: one user with thousands of requests must not keep all."""
    clock = FakeClock()
    places, refused = SubmitPlaces(4, 1, clock), []
    sleep = clock.sleep

    def another_comes(seconds: float) -> None:
        started = clock.monotonic()
        with pytest.raises(TooManyJobs) as refusal, places.place("ann", "kling"):
            raise AssertionError
        refused.append((refusal.value.details, clock.monotonic() - started))
        sleep(seconds)

    clock.sleep = another_comes  # type: ignore[method-assign]
    with places.place("ann", "kling"):
        for _ in range(2):
            with pytest.raises(TooManyJobs), places.place("ann", "kling"):
                raise AssertionError
        with places.place("bob", "kling"):
            pass
    assert len(refused) >= 20
    assert set(map(str, refused)) == {"({'limit': 1}, 0.0)"}
    with places.place("ann", "kling"):
        pass


def test_places_are_returned_whatever_ends_the_submission() -> None:
    places = SubmitPlaces(1, 1, FakeClock())
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), places.place("ann", "kling"):
            raise ZeroDivisionError
    with places.place("ann", "kling"), places.place("ann", "another"):
        pass
    with places.place("ann", "kling"), pytest.raises(TooManyJobs), places.place("ann", "kling"):
        raise AssertionError
    with (
        places.place("ann", "kling"),
        pytest.raises(ProviderSaturated),
        places.place("bob", "kling"),
    ):
        raise AssertionError
