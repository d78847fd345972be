"""A bulk grant or a list that was changed by hand grants nothing more, and the audit names it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.bulk_grants import keys, store
from service.bulk_grants.checks import UNSEALED
from service.bulk_grants.entities import BulkGrant, BulkGrantEnded, BulkStatus, PartState
from service.bulk_grants.part_runs import PartRuns
from service.core.amounts import SCALE
from service.core.metrics import Metric
from service.storage.keys import Key
from service.storage.writes import Update, When
from tests.bulk_grants.handout import TERMS, Handout
from tests.doubles.alarms import Alarms
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

PEOPLE = ("ann", "bob")
SOON = "2026-12-24T00:00:00.000Z"
# Each is a bulk grant that an operator could have made.
EDITS: dict[str, dict[str, Any]] = {
    "amount and budget": {"amount": 5_000, "budget": 50_000},
    "budget": {"budget": 50_000},
    "kind": {"kind": "paid"},
    "restriction": {"restriction": "video"},
    "expiry": {"lotExpiresAt": "2030-01-01T00:00:00.000Z"},
    "life": {"lotLifeDays": 3_660},
    "name": {"name": "Another reason"},
    "id": {"bulkId": "bulk_2"},
    "audience": {"audience": "all"},
    "parts": {"parts": 2},
    "users": {"users": 3},
    "dry run": {"dryRun": True},
    "creation": {"createdAt": "2030-01-01T00:00:00.000Z"},
    "maker": {"createdBy": "op-9"},
    "cancellation": {"cancelledAt": SOON},
    "seal": {"mac": "x" * 22},
}


def of_bulk(bulk: BulkGrant) -> Key:
    return keys.bulk(bulk.bulk_id)


def of_users(bulk: BulkGrant) -> Key:
    return keys.users(bulk.bulk_id, 0)


def edit(handout: Handout, key: Key, **attributes: Any) -> None:
    handout.world.table.write(Update(key, When(), set=attributes))


def removed(handout: Handout, key: Key, name: str) -> None:
    handout.world.table.write(Update(key, When(), remove=(name,)))


def deleted(handout: Handout, key: Key) -> None:
    behind = handout.world.dynamodb.wire
    assert isinstance(behind, MemoryBehind)
    behind.put_back([item for item in behind.items() if Key.of_raw_item(item) != key])


def faults(handout: Handout) -> list[str]:
    return [violation.what for violation in handout.world.audit().violations]


def amid(handout: Handout, operation: str, number: int, change: Callable[[], None]) -> None:
    """Changes the table just before that call of the worker."""
    wire, calls = handout.world.wire(), []

    def count(name: str) -> None:
        calls.append(name)
        if calls.count(operation) == number and name == operation:
            wire.leave()
            change()

    wire.before(count)


@pytest.fixture
def world() -> ServiceHarness:
    connected = memory_client()
    return ServiceHarness(None, MemoryBehind.name, connected=connected, max_users=500)


@pytest.fixture(autouse=True)
def alarms(handout: Handout, monkeypatch: pytest.MonkeyPatch) -> Alarms:
    counted = Alarms()
    monkeypatch.setattr(handout.world.parts.get(PartRuns), "_metrics", counted)
    return counted


@pytest.fixture
def bulk(handout: Handout) -> BulkGrant:
    handout.users(PEOPLE)
    return handout.start(PEOPLE)


def assert_nothing_is_granted(handout: Handout, bulk: BulkGrant, alarms: Alarms) -> None:
    before = handout.world.items()
    handout.work()
    changed = [item["SK"]["S"] for item in handout.world.items() if item not in before]
    assert changed == ["PART#0000"]
    (stored,) = store.read_parts(handout.world.table, bulk.bulk_id)
    assert (stored.state, stored.due_at, stored.granted) == (PartState.DAMAGED, None, 0)
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_bulk_grant_makes_nothing_and_is_named(
    handout: Handout, bulk: BulkGrant, alarms: Alarms, name: str
) -> None:
    assert faults(handout) == []
    edit(handout, of_bulk(bulk), **EDITS[name])
    assert UNSEALED in faults(handout)
    assert_nothing_is_granted(handout, bulk, alarms)


def test_what_no_version_wrote_makes_nothing(
    handout: Handout, bulk: BulkGrant, alarms: Alarms
) -> None:
    edit(handout, of_bulk(bulk), audience="some")
    assert_nothing_is_granted(handout, bulk, alarms)


@pytest.mark.parametrize("name", ["mac", "lotLifeDays", "cancelledAt"])
def test_an_attribute_that_was_removed_makes_nothing_and_is_named(
    handout: Handout, alarms: Alarms, name: str
) -> None:
    handout.users(PEOPLE)
    terms = replace(TERMS, life_days=7)
    bulk = handout.start(PEOPLE, terms=terms)
    handout.cancel(bulk)
    assert faults(handout) == []
    removed(handout, of_bulk(bulk), name)
    assert UNSEALED in faults(handout)
    assert_nothing_is_granted(handout, bulk, alarms)


@pytest.mark.parametrize("users", [("ann", "eve"), ("bob", "ann"), ("ann",), ("ann", "ann"), ()])
def test_an_edited_list_grants_nothing_and_is_named(
    handout: Handout, bulk: BulkGrant, alarms: Alarms, users: tuple[str, ...]
) -> None:
    handout.users(["eve"])
    edit(handout, of_users(bulk), users=users)
    assert UNSEALED in faults(handout)
    assert_nothing_is_granted(handout, bulk, alarms)


@pytest.mark.parametrize("attribute", ["users", "mac"])
def test_a_list_without_one_of_its_attributes_grants_nothing(
    handout: Handout, bulk: BulkGrant, alarms: Alarms, attribute: str
) -> None:
    removed(handout, of_users(bulk), attribute)
    assert faults(handout) != []
    assert_nothing_is_granted(handout, bulk, alarms)


@pytest.mark.parametrize("place", [of_bulk, of_users])
def test_what_is_missing_grants_nothing(
    handout: Handout, bulk: BulkGrant, alarms: Alarms, place: Callable[[BulkGrant], Key]
) -> None:
    deleted(handout, place(bulk))
    assert_nothing_is_granted(handout, bulk, alarms)
    assert faults(handout) != []


def test_the_list_of_another_bulk_grant_does_not_stand_for_this_one(
    handout: Handout, bulk: BulkGrant, alarms: Alarms
) -> None:
    other = handout.start(["ann", "eve"])
    item = dict(handout.world.table.get(of_users(other)) or {})
    handout.cancel(other)
    handout.work()
    again = handout.start(PEOPLE)
    edit(handout, of_users(again), users=item["users"], mac=item["mac"])
    assert UNSEALED in faults(handout)
    assert_nothing_is_granted(handout, again, alarms)
    del bulk


def test_a_damaged_bulk_grant_says_so_and_has_ended(handout: Handout, bulk: BulkGrant) -> None:
    edit(handout, of_bulk(bulk), budget=50_000)
    assert handout.progress(bulk).status is BulkStatus.RUNNING
    handout.work()
    assert handout.progress(bulk).status is BulkStatus.DAMAGED
    with pytest.raises(BulkGrantEnded):
        handout.cancel(bulk)


def test_one_damaged_list_stops_its_part_alone(handout: Handout, alarms: Alarms) -> None:
    handout.users(PEOPLE)
    bulk = handout.start([*(f"nobody-{number}" for number in range(250)), *PEOPLE])
    edit(handout, of_users(bulk), users=("eve",))
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted, found.failed) == (BulkStatus.DAMAGED, 2, 0)
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1


def test_an_edit_of_a_walk_over_all_users_grants_nothing(handout: Handout, alarms: Alarms) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(None, budget=100 * SCALE)
    edit(handout, of_bulk(bulk), amount=5)
    handout.work()
    assert handout.progress(bulk).status is BulkStatus.DAMAGED
    assert [handout.credits(name) for name in PEOPLE] == [3, 3]
    assert alarms.of(Metric.LEDGER_DAMAGED) == bulk.parts


@pytest.mark.parametrize(
    ("operation", "number"), [("GetItem", 3), ("TransactGetItems", 1)], ids=["step", "grant"]
)
def test_an_edit_between_two_reads_grants_nothing(
    handout: Handout, bulk: BulkGrant, alarms: Alarms, operation: str, number: int
) -> None:
    amid(handout, operation, number, lambda: edit(handout, of_bulk(bulk), budget=50_000))
    handout.work()
    assert [handout.credits(name) for name in PEOPLE] == [3, 3]
    assert handout.progress(bulk).status is BulkStatus.DAMAGED
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1


def test_an_edit_amid_a_dry_run_ends_it(handout: Handout, alarms: Alarms) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(PEOPLE, dry_run=True)
    amid(handout, "GetItem", 3, lambda: edit(handout, of_bulk(bulk), budget=50_000))
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted) == (BulkStatus.DAMAGED, 0)
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1


def test_what_was_granted_before_an_edit_stays_and_is_counted(
    handout: Handout, bulk: BulkGrant, alarms: Alarms
) -> None:
    amid(handout, "TransactGetItems", 2, lambda: edit(handout, of_bulk(bulk), budget=50_000))
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted) == (BulkStatus.DAMAGED, 1)
    assert [handout.credits(name) for name in PEOPLE] == [5, 3]
    assert alarms.of(Metric.BULK_GRANTS) == 1


def test_a_bulk_grant_is_not_revived_by_removing_its_cancellation(
    handout: Handout, bulk: BulkGrant
) -> None:
    handout.cancel(bulk)
    removed(handout, of_bulk(bulk), "cancelledAt")
    handout.work()
    assert handout.progress(bulk).status is BulkStatus.DAMAGED


def test_cancelling_an_edited_bulk_grant_does_not_seal_the_edit(
    handout: Handout, bulk: BulkGrant, alarms: Alarms
) -> None:
    edit(handout, of_bulk(bulk), budget=50_000)
    handout.cancel(bulk)
    assert handout.progress(bulk).bulk.cancelled_at is not None
    assert UNSEALED in faults(handout)
    assert_nothing_is_granted(handout, bulk, alarms)
