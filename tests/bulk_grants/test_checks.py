"""The audit names whatever of a bulk grant was changed by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from service.bulk_grants import keys
from service.bulk_grants.entities import BulkGrant, grant_of
from service.ledger.grants import grant_key
from service.storage.keys import Key
from service.storage.writes import Delete, Put, Update, When
from tests.bulk_grants.handout import Handout
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

Edit = Callable[[Handout, BulkGrant], None]
Place = Callable[[BulkGrant], Key]


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, max_users=500)


def edited(place: Place, **attributes: Any) -> Edit:
    def edit(handout: Handout, bulk: BulkGrant) -> None:
        handout.world.table.write(Update(place(bulk), When(), set=attributes))

    return edit


def deleted(place: Place) -> Edit:
    def edit(handout: Handout, bulk: BulkGrant) -> None:
        handout.world.table.write(Delete(place(bulk), When()))

    return edit


def of_bulk(bulk: BulkGrant) -> Key:
    return keys.bulk(bulk.bulk_id)


def of_part(bulk: BulkGrant) -> Key:
    return keys.part(bulk.bulk_id, 0)


def of_users(bulk: BulkGrant) -> Key:
    return keys.users(bulk.bulk_id, 0)


def of_failure(bulk: BulkGrant) -> Key:
    return keys.failure(bulk.bulk_id, 0, "nobody")


def of_grant(bulk: BulkGrant) -> Key:
    return grant_key(grant_of(bulk, "ann", 0))


def made_up_failure(handout: Handout, bulk: BulkGrant) -> None:
    place = keys.failure(bulk.bulk_id, 0, "ann")
    handout.world.table.write(Put(place, {"reason": "X", "at": "2026-11-29T12:00:00.000Z"}))


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (edited(of_bulk, budget=1), "grants more than its budget pays for"),
        (edited(of_bulk, parts=2), "has 1 parts, not 2"),
        (edited(of_bulk, amount=3), "its parts grant more than its budget pays for"),
        (edited(of_bulk, audience="some"), "cannot be read"),
        (deleted(of_bulk), "is missing"),
        (edited(of_part, granted=1), "has ended before its list"),
        (edited(of_part, granted=4), "is not about the users of its list"),
        (edited(of_part, failed=0), "counts 0 failures, there are 1"),
        (edited(of_part, failed=-1), "a counter is negative"),
        (edited(of_part, state="running"), "not due although it runs"),
        (edited(of_part, GSI2PK="DUE#BULK#0", GSI2SK="0000000000001"), "although it has ended"),
        (deleted(of_part), "has 0 parts, not 1"),
        (edited(of_users, users=("ann", "ann", "bob")), "names no user, or one twice"),
        (edited(of_users, users=("ann", "bob")), "is not about the users of its list"),
        (edited(of_users, users=("eve", "bob", "nobody")), "eve has no grant"),
        (deleted(of_users), "is not about the users of its list"),
        (edited(of_failure, reason=""), "has no reason"),
        (edited(of_failure, at="late"), "cannot be read"),
        (deleted(of_failure), "counts 1 failures, there are 0"),
        (made_up_failure, "ann has a grant"),
        (deleted(of_grant), "ann has no grant"),
        (edited(of_grant, userId="eve"), "ann has no grant"),
    ],
)
def test_an_edit_is_named(handout: Handout, edit: Edit, what: str) -> None:
    handout.users(["ann", "bob"])
    bulk = handout.start(["ann", "bob", "nobody"])
    handout.work()
    assert handout.world.audit().violations == ()
    edit(handout, bulk)
    faults = [violation.what for violation in handout.world.audit().violations]
    assert any(what in fault for fault in faults), faults


def test_an_index_entry_of_another_shard_is_named(handout: Handout) -> None:
    bulk = handout.start(["ann"])
    assert handout.world.audit().violations == ()
    edited(of_part, GSI2PK="DUE#BULK#9")(handout, bulk)
    (violation,) = handout.world.audit().violations
    assert violation.what == "its index attributes are not those of its shard and time"


def test_a_bulk_grant_amid_an_audit_raises_no_alarm(handout: Handout) -> None:
    handout.users(["ann", "bob"])
    handout.start(["ann", "bob", "nobody"])
    pending = [handout.work]

    def grant_meanwhile(operation: str) -> None:
        if operation == "Query" and pending:
            pending.pop()()

    wire = handout.world.wire()
    wire.before(grant_meanwhile)
    violations = handout.world.audit().violations
    wire.leave()
    assert violations == ()
    assert pending == []
