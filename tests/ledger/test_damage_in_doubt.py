"""What a write means whose end no one foresaw: unknown if it may have happened, else none."""

from typing import Any

import pytest

from service.ledger.entities import OutcomeUnknown
from service.ledger.operations import Proposal, Propose, Snapshot
from tests.faults.library.wire import Wire
from tests.ledger.test_operations import USER, ServiceHarness, held, never_committed


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name)
    world.open()
    return world


@pytest.fixture
def wire(world: ServiceHarness) -> Wire:
    return Wire(world.table._client)


@pytest.mark.parametrize("fault", ["late", "lost-request"])
@pytest.mark.protocol("doubt-kept")
def test_damage_found_while_an_attempt_may_still_land_is_an_unknown_outcome(
    world: ServiceHarness, wire: Wire, fault: str
) -> None:
    wire.plan("TransactWriteItems", fault)
    with pytest.raises(OutcomeUnknown):
        world.ledger.move(USER, failing_after_a_write(wire), never_committed)


def test_damage_found_when_nothing_was_written_is_raised_as_it_is(
    world: ServiceHarness, wire: Wire
) -> None:
    wire.plan("TransactWriteItems", "conflict")
    with pytest.raises(LookupError):
        world.ledger.move(USER, failing_after_a_write(wire), never_committed)


@pytest.mark.protocol("doubt-kept")
def test_a_write_that_ends_in_a_way_no_one_foresaw_is_an_unknown_outcome(
    world: ServiceHarness, wire: Wire
) -> None:
    def fail(operation: str, request: object, reply: object) -> None:
        if operation == "TransactWriteItems":
            raise LookupError

    wire.after(fail)
    with pytest.raises(OutcomeUnknown):
        world.ledger.move(USER, lambda snapshot, now: held(snapshot, 1, now), never_committed)
    assert world.state()[2] == 1


def failing_after_a_write(wire: Wire) -> Propose:
    def propose(snapshot: Snapshot, now: int) -> Proposal:
        if "TransactWriteItems" in wire.calls:
            raise LookupError
        return held(snapshot, 1, now)

    return propose
