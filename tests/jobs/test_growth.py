"""What a request costs does not depend on how much is stored, and a settled job not on how many
wait."""

from collections import Counter
from typing import Any

import pytest

from service.providers.base import TaskStatus
from tests.doubles.history import write_finished_jobs
from tests.doubles.meter import Bill, Meter
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness

USER = "110248495921238986420"
PAST = 1_000
MAX_ROUNDS = 20


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, provider=LikeKling(), welcome_credits=100_000)


@pytest.fixture
def meter(client: Any, world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, client)


def life_of_a_job(world: ServiceHarness, meter: Meter) -> Bill:
    """Submitted, read, delivered and read again, with a read of the balance."""
    with meter.watch() as bill:
        job_id = world.submit(USER, key="k" + str(world.clock.now())).job.job_id
        world.jobs.get(USER, job_id)
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.settlement.resolve(USER, job_id)
        world.jobs.get(USER, job_id)
        world.ledger.balance(USER)
    return bill


def test_a_history_written_in_batches_is_one_that_the_audit_accepts(world: ServiceHarness) -> None:
    world.submit(USER)
    write_finished_jobs(world, USER, 30)
    assert world.audit().violations == ()
    assert world.balance(USER) == (100_000 - 31, 1, 30)


def test_a_users_thousandth_job_costs_what_the_first_did(
    world: ServiceHarness, meter: Meter
) -> None:
    world.submit(USER)
    first = life_of_a_job(world, meter)
    write_finished_jobs(world, USER, PAST)
    world.refresh_prices()
    late = life_of_a_job(world, meter)
    assert (late.calls, late.writes, late.reads) == (first.calls, first.writes, first.reads)


def test_a_page_of_a_long_list_costs_what_the_first_page_of_a_short_one_does(
    world: ServiceHarness, meter: Meter
) -> None:
    world.submit(USER)
    write_finished_jobs(world, USER, 20)
    with meter.watch() as short:
        world.jobs.page(USER, 20, None)
    write_finished_jobs(world, USER, PAST)
    with meter.watch() as long:
        token = world.jobs.page(USER, 20, None).next_token
    with meter.watch() as further:
        world.jobs.page(USER, 20, token)
    assert (short.calls, short.reads) == (long.calls, long.reads) == (further.calls, further.reads)


@pytest.mark.parametrize("waiting", [10, 120])
def test_a_settled_job_costs_the_worker_three_calls_and_seven_units_however_many_wait(
    world: ServiceHarness, meter: Meter, waiting: int
) -> None:
    users = [f"user-{number % 12}" for number in range(waiting)]
    for user_id in users:
        world.provider.book(world.submit(user_id, device=user_id).job.job_id, TaskStatus.SUCCEEDED)
    # The events that the users were created.
    while world.work():
        pass
    with meter.watch() as idle:
        world.work()
    world.clock.advance(30)
    with meter.watch() as bill:
        rounds = next(number for number in range(1, MAX_ROUNDS) if not world.work())
    counts = Counter(bill.calls)
    assert counts.pop("Query") == len(idle.calls) * rounds
    assert counts == dict.fromkeys(("GetItem", "TransactGetItems", "TransactWriteItems"), waiting)
    assert bill.writes == 7 * waiting
    assert sum(world.balance(user_id)[2] for user_id in set(users)) == waiting
