"""What follows a movement is written in its transaction, or not at all."""

from collections.abc import Sequence
from typing import Any

import pytest

from service.ledger.entities import EntryKind, InsufficientCredits, Movement, Wallet
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Put, Write
from tests.faults.library.wire import Wire
from tests.ledger.test_operations import MARKER, USER, Refusal, ServiceHarness

NOTE = Key("USER#u", "NOTE#1")


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name)
    world.open()
    return world


@pytest.fixture
def wire(world: ServiceHarness) -> Wire:
    return Wire(world.table._client)


def note(before: Wallet | None, movement: Movement, now: int) -> Sequence[Write]:
    version = before.version if before else 0
    kinds = [entry.kind for entry in movement.entries]
    return [Put(NOTE, {"before": version, "kinds": ",".join(kinds), "at": now})]


def test_what_follows_a_movement_is_written_with_it(world: ServiceHarness, wire: Wire) -> None:
    world.ledger.follow(note)
    world.hold()
    assert world.table.get(NOTE) == {
        **NOTE.attributes(),
        "before": 1,
        "kinds": EntryKind.HOLD,
        "at": world.clock.now(),
    }
    assert wire.calls.count("TransactWriteItems") == 1
    assert world.state() == (2, 2, 1, 2)


def test_the_first_movement_of_a_wallet_has_none_before_it(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name)
    world.ledger.follow(note)
    world.open()
    assert (world.table.get(NOTE) or {})["before"] == 0


def test_nothing_follows_a_refusal(world: ServiceHarness) -> None:
    world.ledger.follow(note)
    with pytest.raises(InsufficientCredits):
        world.hold(4)
    assert world.table.get(NOTE) is None
    assert world.state() == (1, 3, 0, 1)


def test_nothing_follows_a_movement_whose_business_object_refuses(world: ServiceHarness) -> None:
    world.table.write(Put(MARKER, {"by": "another"}))
    world.ledger.follow(note)
    with pytest.raises(Refusal):
        world.hold()
    assert world.table.get(NOTE) is None
    assert world.state() == (1, 3, 0, 1)


def test_a_business_objects_refusal_is_raised_although_what_follows_is_refused_too(
    world: ServiceHarness,
) -> None:
    world.table.write(Put(MARKER, {"by": "another"}))
    world.table.write(Put(NOTE, {"by": "another"}))
    world.ledger.follow(note)
    with pytest.raises(Refusal):
        world.hold()
    assert world.state() == (1, 3, 0, 1)


def test_a_failed_condition_of_what_follows_reads_the_wallet_and_proposes_anew(
    world: ServiceHarness, wire: Wire
) -> None:
    """Another process writes the note after the snapshot: the next attempt leaves it out."""
    other = Table(world.table._client, world.table._name)
    wire.before(
        lambda operation: (
            other.write(Put(NOTE, {"by": "another"}))
            if operation == "TransactWriteItems" and "PutItem" not in wire.calls
            else None
        )
    )
    world.ledger.follow(
        lambda before, movement, now: (
            note(before, movement, now) if wire.calls.count("TransactWriteItems") == 0 else []
        )
    )
    assert world.hold().held == 1
    assert (world.table.get(NOTE) or {})["by"] == "another"
    assert wire.calls.count("TransactWriteItems") == 2
    assert world.state() == (2, 2, 1, 2)


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "conflict", "late"])
def test_what_follows_is_written_once_whatever_happens_to_the_response(
    world: ServiceHarness, wire: Wire, fault: str
) -> None:
    world.ledger.follow(note)
    wire.plan("TransactWriteItems", fault)
    world.hold()
    wire.deliver_late()
    assert (world.table.get(NOTE) or {})["before"] == 1
    assert world.state() == (2, 2, 1, 2)


def test_every_follow_up_is_included(world: ServiceHarness) -> None:
    second = Key(f"USER#{USER}", "NOTE#2")
    world.ledger.follow(note)
    world.ledger.follow(lambda before, movement, now: [Put(second, {"second": True})])
    world.hold()
    assert world.table.get(NOTE) is not None
    assert world.table.get(second) is not None
