"""What the house spends in a day: never more than the budget, by however many processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.days import DAY
from service.core.errors import FareboxError
from service.jobs import keys
from service.jobs.house import REFUSE_SECONDS, HouseBudget, HouseLimitReached
from service.ledger.entities import EntryKind, InsufficientCredits
from service.ledger.limits import TooManyOpenJobs, day_of
from service.providers.base import Rejected, RejectionReason, TaskStatus
from service.storage.table import StorageUnavailable, Table
from service.storage.writes import Update, When
from tests.doubles.clock import FakeClock
from tests.doubles.gauges import Gauges
from tests.doubles.meter import Meter
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness, local_client, order
from tests.faults.library.wire import Wire

ONE = SCALE


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def table(client: Any, table_name: str) -> Table:
    return Table(local_client(client.meta.endpoint_url), table_name)


def budget(table: Table, clock: FakeClock, budgeted: int) -> HouseBudget:
    return HouseBudget(table, clock, Gauges(), budgeted * SCALE)


def leased(table: Table, clock: FakeClock) -> Any:
    item = table.get(keys.house_leases(day_of(clock.now())))
    return item["leased"] if item else None


def charged(house: HouseBudget, clock: FakeClock, amount: int = ONE) -> int:
    """How often that amount can be charged."""
    count = 0
    try:
        while house.charge(amount, clock.now()):
            count += 1
    except HouseLimitReached:
        return count
    return count


def test_no_budget_limits_nothing_and_calls_nothing(table: Table, clock: FakeClock) -> None:
    house = budget(table, clock, 0)
    assert house.charge(10**9, clock.now()) is None
    assert leased(table, clock) is None


@pytest.mark.parametrize("processes", [1, 2, 7])
@pytest.mark.parametrize("budgeted", [1, 10, 250])
def test_processes_together_charge_the_budget_and_no_more(
    table: Table, clock: FakeClock, processes: int, budgeted: int
) -> None:
    houses = [budget(table, clock, budgeted) for _ in range(processes)]
    total, dry = 0, 0
    while dry < processes:
        dry = 0
        for house in houses:
            try:
                house.charge(ONE, clock.now())
                total += 1
            except HouseLimitReached:
                dry += 1
    assert total == budgeted
    assert leased(table, clock) == budgeted


def test_what_a_lease_has_left_is_charged_without_a_call(
    client: Any, table_name: str, clock: FakeClock
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    house = budget(Table(dynamodb, table_name), clock, 1000)
    wire = Wire(dynamodb)
    for _ in range(10):
        house.charge(ONE, clock.now())
    assert wire.calls == ["UpdateItem"]
    house.charge(ONE, clock.now())
    assert wire.calls == ["UpdateItem"] * 2


def test_a_used_up_budget_is_not_read_for_each_refusal(
    client: Any, table_name: str, clock: FakeClock
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    house = budget(Table(dynamodb, table_name), clock, 3)
    assert charged(house, clock) == 3
    wire = Wire(dynamodb)
    for _ in range(5):
        assert charged(house, clock) == 0
    assert wire.calls == []
    clock.advance(REFUSE_SECONDS)
    assert charged(house, clock) == 0
    assert wire.calls == ["GetItem"]


def test_what_is_left_returns_when_a_process_ends(table: Table, clock: FakeClock) -> None:
    first, second = (budget(table, clock, 100) for _ in range(2))
    first.charge(ONE, clock.now())
    assert charged(second, clock) == 99
    assert leased(table, clock) == 100
    assert charged(first, clock) == 0
    first.close()
    second.close()
    assert leased(table, clock) == 100
    third = budget(table, clock, 100)
    assert charged(third, clock) == 0


def test_an_unused_lease_serves_others_after_its_process_has_ended(
    table: Table, clock: FakeClock
) -> None:
    first, second = (budget(table, clock, 1000) for _ in range(2))
    first.charge(ONE, clock.now())
    assert leased(table, clock) == 10
    assert charged(second, clock) == 990
    first.close()
    first.close()
    assert leased(table, clock) == 991
    clock.advance(REFUSE_SECONDS)
    assert charged(second, clock) == 9


def test_the_budget_begins_anew_each_day(table: Table, clock: FakeClock) -> None:
    house = budget(table, clock, 3)
    assert charged(house, clock) == 3
    clock.advance((DAY - clock.now() % DAY) / 1000)
    assert charged(house, clock) == 3


def test_a_refusal_says_when_to_come_back(table: Table, clock: FakeClock) -> None:
    house = budget(table, clock, 1)
    clock.advance((DAY - clock.now() % DAY) / 1000 - 60)
    house.charge(ONE, clock.now())
    with pytest.raises(HouseLimitReached) as refusal:
        house.charge(ONE, clock.now())
    assert refusal.value.retry_after_seconds == 60


def test_a_raised_budget_is_served_at_once_and_a_lowered_one_stops(
    table: Table, clock: FakeClock
) -> None:
    assert charged(budget(table, clock, 3), clock) == 3
    assert charged(budget(table, clock, 5), clock) == 2
    assert charged(budget(table, clock, 4), clock) == 0


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "foreign-applied", "late"])
def test_a_lease_whose_response_is_lost_is_never_used_twice(
    client: Any, table_name: str, clock: FakeClock, fault: str
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    table = Table(dynamodb, table_name)
    wire = Wire(dynamodb)
    wire.plan("Write", fault)
    house, total = budget(table, clock, 10), 0
    with contextlib.suppress(StorageUnavailable):
        total = charged(house, clock)
    total += charged(house, clock)
    wire.deliver_late()
    total += charged(budget(table, clock, 10), clock)
    assert total == 10
    assert leased(table, clock) == 10


@pytest.mark.parametrize("fault", ["lost-answer", "late"])
def test_a_return_whose_response_is_lost_is_not_made_twice(
    client: Any, table_name: str, clock: FakeClock, fault: str
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    table = Table(dynamodb, table_name)
    house, wire = budget(table, clock, 1000), Wire(dynamodb)
    house.charge(ONE, clock.now())
    wire.plan("Write", fault)
    house.close()
    house.close()
    wire.deliver_late()
    assert leased(table, clock) in (1, 10)


def test_a_table_that_does_not_respond_refuses(
    client: Any, table_name: str, clock: FakeClock
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    house = budget(Table(dynamodb, table_name), clock, 10)
    Wire(dynamodb).plan("UpdateItem", "unreachable", times=99)
    with pytest.raises(StorageUnavailable):
        house.charge(ONE, clock.now())


def harness(client: Any, table_name: str, **limits: Any) -> ServiceHarness:
    usual = {"welcome_credits": 100, "house_credits_per_day": 2}
    return ServiceHarness(client, table_name, provider=LikeKling(), **usual | limits)


def refused(world: ServiceHarness, error: type[FareboxError], *who: str) -> None:
    """A refusal that has written nothing."""
    before = world.items()
    with pytest.raises(error):
        world.submit(*who)
    assert world.items() == before


def test_beyond_the_budget_no_one_holds_and_nothing_is_written(
    client: Any, table_name: str
) -> None:
    world = harness(client, table_name)
    for user in ("ann", "bob", "cleo"):
        world.users.sign_up(_who(user), world.users.digests(user))
    world.submit("ann", "ann")
    world.submit("bob", "bob")
    refused(world, HouseLimitReached, "cleo", "cleo")
    assert world.audit().violations == ()


def test_who_would_be_refused_anyway_is_charged_nothing(client: Any, table_name: str) -> None:
    world = harness(client, table_name, welcome_credits=1, max_open_jobs=1)
    world.submit("ann", "ann")
    refused(world, InsufficientCredits, "ann", "ann")
    rich = harness(client, table_name, max_open_jobs=1)
    rich.submit("bob", "bob")
    refused(rich, TooManyOpenJobs, "bob", "bob")
    assert leased(world.table, world.clock) == 2


def test_what_the_provider_refuses_comes_back_at_once(client: Any, table_name: str) -> None:
    world = harness(client, table_name)
    world.provider.creates = [Rejected(RejectionReason.BUSY)] * 3
    for _ in range(3):
        with pytest.raises(FareboxError, match="busy"):
            world.submit()
    assert world.submit().job.status
    assert world.submit().job.status
    refused(world, HouseLimitReached)
    assert world.audit().violations == ()


def test_what_a_job_of_this_process_returns_comes_back_once(client: Any, table_name: str) -> None:
    world = harness(client, table_name)
    first, second = (world.submit().job.job_id for _ in range(2))
    world.provider.book(first, TaskStatus.FAILED)
    world.provider.book(second, TaskStatus.SUCCEEDED)
    for job_id in (first, second):
        world.settlement.resolve("ann", job_id)
        for _ in range(3):
            world.jobs.get("ann", job_id)
    assert world.submit().job.status
    refused(world, HouseLimitReached)


def test_a_hold_of_another_day_than_its_charge_is_charged_again(
    client: Any, table_name: str
) -> None:
    """The wallet's last entry is of tomorrow, by the clock of another process: so is the hold."""
    world = harness(client, table_name)
    world.submit()
    world.clock.advance((DAY - world.clock.now() % DAY) / 1000 - 1)
    ahead = harness(client, table_name, clock=FakeClock(now=world.clock.now() + 2000))
    ahead.submit()
    world.submit()
    tomorrow = day_of(world.clock.now()) + 1
    item = world.table.get(keys.house_leases(tomorrow))
    assert item is not None
    assert item["leased"] == 2
    refused(world, HouseLimitReached)


def test_a_hold_that_is_tried_again_after_midnight_is_charged_to_that_day(
    client: Any, table_name: str
) -> None:
    world = harness(client, table_name)
    world.submit()
    world.clock.advance((DAY - world.clock.now() % DAY) / 1000 - 1)
    wire = world.wire()
    wire.plan("TransactWriteItems", "conflict")
    wire.before(
        lambda operation: world.clock.advance(2) if operation == "TransactWriteItems" else None
    )
    job = world.submit().job
    wire.leave()
    item = world.table.get(keys.house_leases(day_of(job.created_at)))
    assert item is not None
    assert (item["leased"], job.held) == (1, SCALE)
    assert world.submit().job.status
    refused(world, HouseLimitReached)


def test_a_hold_costs_no_further_call_but_for_a_lease(client: Any, table_name: str) -> None:
    world = harness(client, table_name, house_credits_per_day=1000)
    world.submit()
    meter = Meter(world.dynamodb, client)
    with meter.watch() as bill:
        for _ in range(9):
            world.submit()
    assert bill.calls == ["GetItem", "TransactWriteItems", "UpdateItem"] * 9


def test_requests_at_once_never_exceed_the_budget(client: Any, table_name: str) -> None:
    worlds = [harness(client, table_name, house_credits_per_day=9) for _ in range(3)]
    for number in range(6):
        worlds[0].users.sign_up(_who(f"user-{number}"), worlds[0].users.digests(f"d-{number}"))

    def submit(number: int) -> bool:
        try:
            worlds[number % 3].submit(f"user-{number % 6}", f"d-{number % 6}")
        except HouseLimitReached:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        accepted = sum(pool.map(submit, range(36)))
    assert accepted == 9
    assert worlds[0].audit().violations == ()


def test_the_audit_names_more_leases_than_the_budget(table: Table, client: Any) -> None:
    world = ServiceHarness(client, table._name, house_credits_per_day=10)
    world.submit()
    where = keys.house_leases(day_of(world.clock.now()))
    table.write(Update(where, When(equals={"leased": 1}), set={"leased": 11}))
    (violation,) = world.audit().violations
    assert "11 are leased of a budget of 10" in violation.what


PROGRAM = "tests.jobs.house_process"


@pytest.mark.sample
@pytest.mark.timeout(300)
def test_four_real_processes_never_hold_more_than_the_budget_though_some_are_killed(
    client: Any, table_name: str
) -> None:
    """Each holds for users of its own until it is refused; two are killed with leases in hand and
    started again. What is held in the end is at most the budget, and nearly all of it is."""
    budgeted, url = 60, client.meta.endpoint_url
    command = [sys.executable, "-m", PROGRAM, url, table_name, str(budgeted)]

    def start(number: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, str(number)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )

    running = [start(number) for number in range(4)]
    for number in (0, 1):
        stdout = running[number].stdout
        assert stdout is not None
        for _ in range(4):
            stdout.readline()
        running[number].send_signal(signal.SIGKILL)
        running[number].communicate()
    running += [start(number) for number in (4, 5)]
    reports = [process.communicate(timeout=200)[0] for process in running[2:]]
    assert all(json.loads(report.splitlines()[-1])["refused"] for report in reports)
    world = ServiceHarness(client, table_name, clock=FakeClock())
    held = sum(
        entry.amount
        for user in range(60)
        for entry in world.ledger.entries(f"user-{user}")
        if entry.kind is EntryKind.HOLD
    )
    assert 0.8 * budgeted * SCALE <= held <= budgeted * SCALE
    assert world.audit().violations == ()


def _who(user: str) -> Any:
    return order(user).principal
