"""The leases of the house's budget: lost responses, waiting requests, and clocks that disagree."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.core.days import DAY
from service.jobs import keys
from service.jobs.house import HouseBudget
from service.ledger.entities import OutcomeUnknown
from service.ledger.limits import day_of
from service.storage.table import StorageUnavailable, Table
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import local_client, order
from tests.faults.library.wire import Wire
from tests.jobs.test_house import ONE, budget, charged, harness, leased


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def table(client: Any, table_name: str) -> Table:
    return Table(local_client(client.meta.endpoint_url), table_name)


def test_lost_responses_take_no_lease_twice(client: Any, table_name: str, clock: FakeClock) -> None:
    """The item shows whose lease it is, so nothing is lost and the whole budget can be charged."""
    dynamodb = local_client(client.meta.endpoint_url)
    table = Table(dynamodb, table_name)
    Wire(dynamodb).plan("UpdateItem", "lost-answer", times=1000)
    house = budget(table, clock, 1000)
    for _ in range(10):
        house.charge(ONE, clock.now())
    assert leased(table, clock) == 10
    assert 10 + charged(house, clock) == 1000


def test_a_lease_that_stays_unknown_is_taken_once_however_often_it_is_tried(
    client: Any, table_name: str, clock: FakeClock
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    wire = Wire(dynamodb)
    house = budget(Table(dynamodb, table_name), clock, 1000)
    wire.plan("UpdateItem", "lost-answer", times=1000)
    wire.plan("GetItem", "lost-request", times=40)
    for _ in range(10):
        with pytest.raises(StorageUnavailable):
            house.charge(ONE, clock.now())
    assert wire.calls.count("UpdateItem") == 1
    wire.leave()
    assert charged(house, clock) == 1000


@pytest.mark.parametrize("fault", ["lost-request", "late"])
def test_a_lease_that_did_not_arrive_ends_the_request_after_one_attempt(
    client: Any, table_name: str, clock: FakeClock, fault: str
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    wire = Wire(dynamodb)
    house = budget(Table(dynamodb, table_name), clock, 1000)
    wire.plan("UpdateItem", fault)
    with pytest.raises(StorageUnavailable):
        house.charge(ONE, clock.now())
    assert wire.calls == ["UpdateItem", "GetItem"]
    wire.deliver_late()
    assert charged(house, clock) == 1000


def test_a_lost_lease_that_another_process_has_leased_over_is_not_used(
    client: Any, table_name: str, clock: FakeClock
) -> None:
    first = local_client(client.meta.endpoint_url)
    second = Table(local_client(client.meta.endpoint_url), table_name)
    mine, other = budget(Table(first, table_name), clock, 100), budget(second, clock, 100)
    wire = Wire(first)
    wire.plan("UpdateItem", "lost-answer")
    wire.before(lambda call: other.charge(ONE, clock.now()) if call == "GetItem" else None)
    with pytest.raises(StorageUnavailable):
        mine.charge(ONE, clock.now())
    wire.leave()
    assert charged(mine, clock) + charged(other, clock) + 1 == 99


def test_what_needs_no_lease_does_not_wait_for_one_that_is_being_taken(
    client: Any, table_name: str, clock: FakeClock
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    house = budget(Table(dynamodb, table_name), clock, 1000)
    wire, free = Wire(dynamodb), threading.Event()
    before = house.charge(ONE, clock.now())
    under_way = threading.Event()

    def stall(_: str) -> None:
        under_way.set()
        free.wait(120)

    wire.before(stall)
    with ThreadPoolExecutor(2) as pool:
        try:
            refill = pool.submit(house.charge, 20 * ONE, clock.now())
            assert under_way.wait(60)
            pool.submit(house.note, "job", before).result(60)
            pool.submit(house.put_back, before).result(60)
            assert pool.submit(house.charge, ONE, clock.now()).result(60)
        finally:
            free.set()
        assert refill.result(60)


def test_who_waits_too_long_for_the_lease_of_another_request_is_refused(
    client: Any, table_name: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.house.REFILL_WAIT_SECONDS", 0.1, raising=False)
    dynamodb = local_client(client.meta.endpoint_url)
    house = budget(Table(dynamodb, table_name), clock, 1000)
    free, under_way = threading.Event(), threading.Event()

    def stall(_: str) -> None:
        under_way.set()
        free.wait(120)

    Wire(dynamodb).before(stall)
    with ThreadPoolExecutor(2) as pool:
        try:
            refill = pool.submit(house.charge, ONE, clock.now())
            assert under_way.wait(60)
            waiter = pool.submit(house.charge, ONE, clock.now())
            with pytest.raises(StorageUnavailable):
                waiter.result(60)
        finally:
            free.set()
        assert refill.result(60)


@pytest.mark.parametrize("days", [-9, 9])
def test_a_wallet_whose_time_is_days_off_is_charged_to_today_and_drops_no_lease(
    client: Any, table_name: str, clock: FakeClock, days: int
) -> None:
    dynamodb = local_client(client.meta.endpoint_url)
    table = Table(dynamodb, table_name)
    house = budget(table, clock, 1000)
    house.charge(ONE, clock.now())
    wire = Wire(dynamodb)
    charge = house.charge(ONE, clock.now() + days * DAY)
    assert charge is not None
    assert charge.day == day_of(clock.now()) + days
    assert table.get(keys.house_leases(charge.day)) is None
    assert 2 + charged(house, clock) == 1000
    assert leased(table, clock) == 1000
    house.put_back(charge)
    assert house.charge(ONE, clock.now()) is not None
    assert wire.calls


def test_a_wallet_a_day_ahead_drops_no_lease_of_yesterday(table: Table, clock: FakeClock) -> None:
    house = budget(table, clock, 1000)
    house.charge(ONE, clock.now())
    clock.advance(DAY / 1000)
    house.charge(ONE, clock.now() + DAY)
    house.charge(ONE, clock.now() - DAY)
    item = table.get(keys.house_leases(day_of(clock.now()) - 1))
    assert item is not None
    assert item["leased"] == 10


def test_a_hold_of_unknown_outcome_stays_noted_until_its_job_ends(
    client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction was committed, and what failed comes after it: whatever goes wrong while an
    attempt may have been applied, the ledger reports that the outcome is unknown."""
    world = harness(client, table_name, house_credits_per_day=1)
    who = order("ann").principal
    world.users.sign_up(who, world.users.digests("ann"))
    move = world.ledger.move

    def fail_afterwards(*args: Any, **options: Any) -> None:
        move(*args, **options)
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(world.ledger, "move", fail_afterwards)
        with pytest.raises(OutcomeUnknown):
            world.submit("ann", "ann")
    house = world.parts.get(HouseBudget)
    (noted,) = house._noted.values()
    assert noted.amount == ONE
