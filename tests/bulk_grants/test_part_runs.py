"""Making bulk grants: each user once, whoever works on them, exactly within the budget."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.bulk_grants import keys, store
from service.bulk_grants.entities import (
    BulkGrantEnded,
    BulkStatus,
    PartState,
    UnknownBulkGrant,
)
from service.bulk_grants.part_runs import PartRuns
from service.core.amounts import SCALE
from service.ledger import keys as ledger_keys
from service.ledger.lots import LotKind
from service.storage.table import ConditionFailed
from service.storage.writes import Update, When
from tests.bulk_grants.handout import TERMS, Handout
from tests.doubles.service_harness import ServiceHarness

PEOPLE = tuple(f"user-{number:02}" for number in range(12))


def test_each_user_on_the_list_is_granted_once(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start([*PEOPLE[:5], PEOPLE[0]], terms=replace(TERMS, life_days=7))
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted, found.failed) == (BulkStatus.FINISHED, 5, 0)
    assert [handout.credits(name) for name in PEOPLE] == [5] * 5 + [3] * 7
    (lot,) = [lot for lot in handout.world.wallet(PEOPLE[0]).lots if lot.kind is LotKind.PROMO]
    assert lot.expires_at == handout.world.clock.now() + 7 * 24 * 3600 * 1000
    handout.work()
    assert handout.credits(PEOPLE[0]) == 5
    assert handout.world.audit().violations == ()


def test_who_cannot_be_granted_anything_is_listed_with_the_reason(handout: Handout) -> None:
    handout.users(("ann", "bob", "cid"))
    handout.close("bob")
    bulk = handout.start(["nobody", "ann", "bob", "cid"])
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted, found.failed) == (BulkStatus.FINISHED, 2, 2)
    assert handout.failures(bulk) == {"nobody": "USER_UNKNOWN", "bob": "ACCOUNT_CLOSED"}
    assert found.granted_amount == 4 * SCALE


def test_a_user_whose_wallet_is_damaged_stops_no_one_else(handout: Handout) -> None:
    handout.users(("ann", "bob", "cid"))
    damaged = Update(ledger_keys.wallet("bob"), When(), set={"credits": "many"})
    handout.world.table.write(damaged)
    bulk = handout.start(["ann", "bob", "cid"])
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted, found.failed) == (BulkStatus.FINISHED, 2, 1)
    assert handout.failures(bulk) == {"bob": "INTERNAL_ERROR"}


def test_failures_are_listed_page_by_page(handout: Handout) -> None:
    names = [f"nobody-{number}" for number in range(5)]
    bulk = handout.start(names)
    handout.work()
    first = handout.bulk_grants.failures(bulk.bulk_id, 3)
    rest = handout.bulk_grants.failures(bulk.bulk_id, 3, first.next_key or "")
    assert [each.user_id for each in (*first.failures, *rest.failures)] == names
    assert rest.next_key is None


def test_all_users_are_those_who_were_there_when_it_was_made(handout: Handout) -> None:
    handout.users(PEOPLE)
    handout.world.clock.advance(1)
    bulk = handout.start(None, budget=1000 * SCALE)
    handout.world.clock.advance(1)
    handout.users(["late"])
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted, found.failed) == (BulkStatus.FINISHED, 12, 0)
    assert {handout.credits(name) for name in PEOPLE} == {5}
    assert handout.credits("late") == 3
    assert found.bulk.leased == 12, "what the parts did not need went back"
    assert handout.world.audit().violations == ()


def test_the_budget_for_all_users_is_never_exceeded(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(None, budget=15 * SCALE)
    found = handout.finish(bulk)
    granted = sum(handout.credits(name) == 5 for name in PEOPLE)
    assert found.status is BulkStatus.OUT_OF_BUDGET
    assert found.granted == granted == 7
    assert handout.world.audit().violations == ()


def test_a_budget_that_fits_exactly_reaches_every_user(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(None, budget=12 * 2 * SCALE)
    first = store.read_parts(handout.world.table, bulk.bulk_id)[0]
    leased = replace(first, allowance=5, due_at=handout.world.clock.now() + 10_000)
    held = [store.lease_write(bulk, 5), store.part_write(first, leased)]
    handout.world.table.transact(held)
    found = handout.finish(bulk)
    assert {handout.credits(name) for name in PEOPLE} == {5}
    assert (found.status, found.granted) == (BulkStatus.FINISHED, 12)
    assert handout.world.audit().violations == ()


@pytest.mark.parametrize("everyone", [False, True])
def test_a_dry_run_counts_and_grants_nothing(handout: Handout, *, everyone: bool) -> None:
    handout.users(PEOPLE)
    handout.close(PEOPLE[0])
    users = None if everyone else [*PEOPLE, "nobody"]
    bulk = handout.start(users, budget=100 * SCALE, dry_run=True)
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted) == (BulkStatus.FINISHED, 11)
    assert found.failed == (0 if everyone else 2)
    assert found.granted_amount == 0
    assert {handout.credits(name) for name in PEOPLE[1:]} == {3}
    assert handout.world.audit().violations == ()


def test_nothing_is_granted_after_it_is_cancelled(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(PEOPLE)
    handout.cancel(bulk)
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted) == (BulkStatus.CANCELLED, 0)
    assert {handout.credits(name) for name in PEOPLE} == {3}
    with pytest.raises(BulkGrantEnded):
        handout.cancel(bulk)
    assert handout.world.audit().violations == ()


def test_a_run_that_is_under_way_stops_when_it_is_cancelled(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(PEOPLE)
    wire, writes = handout.world.wire(), []

    def cancel_amid(operation: str) -> None:
        writes.append(operation)
        if writes.count("TransactWriteItems") == 4:
            wire.leave()
            handout.cancel(bulk)

    wire.before(cancel_amid)
    handout.work()
    granted = sum(handout.credits(name) == 5 for name in PEOPLE)
    found = handout.progress(bulk)
    assert (found.status, found.granted) == (BulkStatus.CANCELLED, granted)
    assert granted == 4, "what was under way, and nothing more"
    assert handout.world.audit().violations == ()


def test_a_bulk_grant_is_cancelled_once(handout: Handout) -> None:
    bulk = handout.start(PEOPLE)
    write = handout.bulk_grants.cancellation(bulk.bulk_id)
    handout.cancel(bulk)
    before = handout.world.items()
    with pytest.raises(ConditionFailed):
        handout.world.table.write(write.write)
    assert handout.world.items() == before
    assert isinstance(write.refusal, BulkGrantEnded)


def test_what_has_ended_cannot_be_cancelled(handout: Handout) -> None:
    bulk = handout.start(PEOPLE)
    handout.work()
    with pytest.raises(BulkGrantEnded):
        handout.cancel(bulk)


def test_a_worker_that_died_is_followed_after_its_lease(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(PEOPLE)
    runs = handout.world.parts.get(PartRuns)
    part = runs._claimed(keys.part(bulk.bulk_id, 0))
    assert part is not None
    handout.work()
    assert handout.progress(bulk).granted == 0
    handout.world.clock.advance(31)
    handout.work()
    assert handout.progress(bulk).granted == 12


@pytest.mark.parametrize("everyone", [False, True])
def test_workers_side_by_side_grant_each_user_once(
    client: Any, table_name: str, *, everyone: bool
) -> None:
    handouts = [Handout(ServiceHarness(client, table_name, max_users=500)) for _ in range(3)]
    handouts[0].users(PEOPLE)
    bulk = handouts[0].start(None if everyone else PEOPLE, budget=1000 * SCALE)
    with ThreadPoolExecutor(3) as workers:
        for done in [workers.submit(each.work) for each in handouts]:
            done.result()
    handouts[0].world.clock.advance(31)
    handouts[0].work()
    found = handouts[0].progress(bulk)
    assert (found.status, found.granted) == (BulkStatus.FINISHED, 12)
    assert {handouts[0].credits(name) for name in PEOPLE} == {5}
    assert handouts[0].world.audit().violations == ()


def test_two_runs_over_one_part_grant_each_user_once(handout: Handout) -> None:
    handout.users(PEOPLE)
    bulk = handout.start(PEOPLE)
    runs = handout.world.parts.get(PartRuns)
    key = keys.part(bulk.bulk_id, 0)
    first = runs._claimed(key)
    assert first is not None
    handout.world.clock.advance(31)
    assert runs.run(key, lambda: False) is False
    stored = store.part_from(handout.world.table.get(key) or {})
    assert (stored.state, stored.granted) == (PartState.DONE, 12)
    assert {handout.credits(name) for name in PEOPLE} == {5}


def test_a_step_of_a_worker_that_was_overtaken_changes_nothing(handout: Handout) -> None:
    bulk = handout.start(["nobody"])
    runs, key = handout.world.parts.get(PartRuns), keys.part(bulk.bulk_id, 0)
    overtaken = runs._claimed(key)
    assert overtaken is not None
    handout.world.clock.advance(31)
    handout.work()
    before = handout.world.items()
    with pytest.raises(ConditionFailed):
        handout.world.table.write(store.part_write(overtaken, overtaken.advanced(granted=1)))
    assert handout.world.items() == before


def test_a_worker_that_stops_leaves_the_rest_to_others_at_once(handout: Handout) -> None:
    bulk = handout.start([f"nobody-{number}" for number in range(60)])
    runs, key = handout.world.parts.get(PartRuns), keys.part(bulk.bulk_id, 0)
    stopping = iter([False, True])
    assert runs.run(key, lambda: next(stopping)) is True
    assert handout.progress(bulk).failed == 50
    handout.work()
    assert handout.progress(bulk).failed == 60


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "throttle", "conflict"])
@pytest.mark.parametrize("skip", range(3))
def test_a_fault_at_a_write_loses_and_doubles_nothing(
    handout: Handout, fault: str, skip: int
) -> None:
    handout.users(PEOPLE[:3])
    bulk = handout.start([PEOPLE[0], "nobody", PEOPLE[1], PEOPLE[2]])
    handout.world.wire().plan("Write", fault, skip=skip + 1)
    handout.work()
    handout.world.clock.advance(31)
    handout.work()
    found = handout.progress(bulk)
    assert (found.status, found.granted, found.failed) == (BulkStatus.FINISHED, 3, 1)
    assert {handout.credits(name) for name in PEOPLE[:3]} == {5}
    assert handout.world.audit().violations == ()


def test_an_unknown_bulk_grant_is_not_found(handout: Handout) -> None:
    with pytest.raises(UnknownBulkGrant):
        handout.bulk_grants.progress("bulk_0")


def test_bulk_grants_are_listed_newest_first_page_by_page(handout: Handout) -> None:
    started = []
    for _ in range(3):
        started.append(handout.start(["ann"]).bulk_id)
        handout.world.clock.advance(1)
    first = handout.bulk_grants.page(2)
    rest = handout.bulk_grants.page(2, first.next_id or "")
    assert [bulk.bulk_id for bulk in (*first.bulks, *rest.bulks)] == started[::-1]
    assert rest.next_id is None


def test_a_list_of_five_thousand_users_is_started_in_one_transaction(handout: Handout) -> None:
    bulk = handout.start([f"user-with-a-rather-long-id-{number}" for number in range(5_000)])
    assert bulk.parts == 20
    assert len(store.read_parts(handout.world.table, bulk.bulk_id)) == 20
