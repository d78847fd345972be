"""Grants with a business key: made once, now or at their time, whoever tries however often."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.metrics import Metric, NoMetrics
from service.ledger.entities import (
    EntryKind,
    ExpiryInvalid,
    GrantConflict,
    OutcomeUnknown,
    UserNotFound,
    WalletStatus,
)
from service.ledger.grants import Grant, Grants, GrantSource, grant_key, record_from
from service.ledger.lots import LotKind
from service.ledger.store import wallet_write
from service.ledger.sweeps import POSTPONE_MILLISECONDS, DueGrants
from service.storage.codec import encode_item
from tests.doubles.service_harness import ServiceHarness

HOUR = 3_600_000
FIVE = 5 * SCALE


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name)
    world.submit()
    return world


class Alarms(NoMetrics):
    """Remembers what was counted as an alarm."""

    def __init__(self) -> None:
        self.raised: list[str] = []

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        if metric is Metric.GRANT_ALARMS:
            self.raised.append(dimensions["alarm"])


def grants(world: ServiceHarness) -> Grants:
    return world.parts.get(Grants)


def code_grant(**changes: Any) -> Grant:
    usual = Grant(GrantSource.CODE, "SPRING:ann", "ann", FIVE, LotKind.PAID)
    return replace(usual, **changes)


def item(world: ServiceHarness, grant: Grant) -> Any:
    return world.table.get(grant_key(grant))


def test_a_grant_brings_its_lot_its_entry_and_its_item(world: ServiceHarness) -> None:
    end = world.clock.now() + HOUR
    grant = code_grant(expires_at=end, restriction="video", details={"reason": "a pack"})
    made = grants(world).make(grant)
    assert made.made
    assert made.wallet.lots[-1].terms == (LotKind.PAID, "video", end)
    entry = list(world.ledger.entries("ann"))[-1]
    assert (entry.kind, entry.amount, entry.version) == (EntryKind.GRANT, FIVE, made.entry_version)
    assert entry.details == {"grantSource": "code", "grantId": "SPRING:ann", "reason": "a pack"}
    record = record_from(item(world, grant))
    assert (record.grant, record.entry_version) == (grant, made.entry_version)
    assert world.audit().violations == ()


@pytest.mark.protocol("grant-once")
def test_the_same_grant_again_is_the_one_that_was_made(world: ServiceHarness) -> None:
    first = grants(world).make(code_grant())
    again = grants(world).make(code_grant(kind=LotKind.PROMO, details={"reason": "again"}))
    assert (again.made, again.entry_version) == (False, first.entry_version)
    assert again.wallet == first.wallet == world.wallet()


@pytest.mark.parametrize("change", [{"user_id": "bob"}, {"amount": FIVE + 1}])
@pytest.mark.protocol("grant-once")
def test_a_name_that_stands_for_another_grant_is_refused_and_alarms(
    world: ServiceHarness, change: dict[str, Any]
) -> None:
    world.submit("bob", "laptop")
    grants(world).make(code_grant())
    before, alarms = world.items(), Alarms()
    grants(world)._metrics = alarms
    for attempt in (grants(world).make, lambda grant: grants(world).schedule(grant, 1)):
        with pytest.raises(GrantConflict):
            attempt(code_grant(**change))
    assert world.items() == before
    assert alarms.raised == ["conflict", "conflict"]


def test_a_grant_to_no_one_is_refused(world: ServiceHarness) -> None:
    before = world.items()
    for attempt in (grants(world).make, lambda grant: grants(world).schedule(grant, 1)):
        with pytest.raises(UserNotFound):
            attempt(code_grant(user_id="nobody"))
    assert world.items() == before


def test_a_grant_to_a_closed_user_is_refused_and_to_a_frozen_one_made(
    world: ServiceHarness,
) -> None:
    set_status(world, WalletStatus.CLOSED)
    with pytest.raises(UserNotFound):
        grants(world).make(code_grant())
    set_status(world, WalletStatus.FROZEN)
    assert grants(world).make(code_grant()).made


def set_status(world: ServiceHarness, status: WalletStatus) -> None:
    wallet = world.wallet()
    world.table.write(wallet_write(wallet, replace(wallet, status=status)))


def test_credits_that_have_expired_are_not_granted(world: ServiceHarness) -> None:
    now, before = world.clock.now(), world.items()
    with pytest.raises(ExpiryInvalid):
        grants(world).make(code_grant(expires_at=now))
    with pytest.raises(ExpiryInvalid):
        grants(world).schedule(code_grant(expires_at=now + 5), now + 5)
    assert world.items() == before


@pytest.mark.parametrize(
    "change", [{"grant_id": ""}, {"grant_id": "a#b"}, {"grant_id": "x" * 101}, {"amount": 0}]
)
def test_what_no_grant_has_is_a_mistake(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="grant"):
        code_grant(**change)


def test_a_restriction_that_does_not_exist_is_a_mistake(world: ServiceHarness) -> None:
    with pytest.raises(ValueError, match="restriction"):
        grants(world).make(code_grant(restriction="nothing"))


@pytest.mark.protocol("grant-once")
def test_a_grant_that_many_processes_make_at_once_is_made_once(
    world: ServiceHarness, client: Any, table_name: str
) -> None:
    processes = [ServiceHarness(client, table_name, clock=world.clock) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: grants(processes[n % 4]).make(code_grant()), range(24)))
    assert sum(each.made for each in made) == 1
    assert len({each.entry_version for each in made}) == 1
    assert world.wallet().granted == 8 * SCALE
    assert world.audit().violations == ()


@pytest.mark.protocol("grant-once")
def test_a_name_that_another_user_gets_at_that_moment_is_refused(
    world: ServiceHarness, client: Any, table_name: str
) -> None:
    """Two wallets: only the grant's own item stands between them."""
    world.submit("bob", "laptop")
    other, calls = ServiceHarness(client, table_name, clock=world.clock), list[str]()

    def interfere(operation: str) -> None:
        calls.append(operation)
        if calls.count("TransactWriteItems") == 1 and operation == "TransactWriteItems":
            grants(other).make(code_grant())

    world.wire().before(interfere)
    with pytest.raises(GrantConflict):
        grants(world).make(code_grant(user_id="bob"))
    assert (world.wallet("bob").granted, world.wallet().granted) == (3 * SCALE, 8 * SCALE)


@pytest.mark.protocol("grant-once")
def test_a_grant_whose_response_is_lost_is_found(world: ServiceHarness) -> None:
    world.wire().plan("TransactWriteItems", "lost-answer")
    granted = grants(world).make(code_grant())
    assert world.wallet().granted == 8 * SCALE
    assert granted.entry_version == world.wallet().version


@pytest.mark.protocol("grant-at-its-time")
def test_a_scheduled_grant_is_made_at_its_time_and_once(world: ServiceHarness) -> None:
    due_at = world.clock.now() + HOUR
    grant = code_grant(expires_at=due_at + HOUR)
    assert grants(world).schedule(grant, due_at)
    assert not grants(world).schedule(grant, due_at)
    assert world.audit().violations == ()
    grants(world).make_due(grant_key(grant))
    world.work_until(3_000, step=1_000)
    assert world.wallet().granted == 3 * SCALE
    world.clock.advance(600)
    world.work()
    world.work()
    assert world.wallet().granted == 8 * SCALE
    assert world.wallet().lots[-1].expires_at == due_at + HOUR
    assert "GSI2PK" not in item(world, grant)
    assert not grants(world).make(grant).made
    assert world.audit().violations == ()


def test_a_scheduled_grant_that_is_late_has_the_life_that_was_meant(world: ServiceHarness) -> None:
    due_at = world.clock.now() + HOUR
    grants(world).schedule(code_grant(expires_at=due_at + HOUR), due_at)
    world.clock.advance(5 * HOUR / 1000)
    world.work()
    (lot,) = (lot for lot in world.wallet().lots if lot.kind is LotKind.PAID)
    assert lot.expires_at == world.clock.now() + HOUR


@pytest.mark.protocol("grant-at-its-time")
def test_a_scheduled_grant_can_be_made_before_its_time(world: ServiceHarness) -> None:
    grants(world).schedule(code_grant(), world.clock.now() + HOUR)
    assert grants(world).make(code_grant()).made
    world.clock.advance(2 * HOUR / 1000)
    world.work()
    assert world.wallet().granted == 8 * SCALE
    assert world.audit().violations == ()


def test_a_scheduled_grant_of_a_user_who_is_gone_leaves_the_schedule(world: ServiceHarness) -> None:
    world.work_until(120)
    grants(world).schedule(code_grant(), world.clock.now())
    set_status(world, WalletStatus.CLOSED)
    world.work()
    assert world.wallet().granted == 3 * SCALE
    assert item(world, code_grant())["refused"] == "USER_NOT_FOUND"
    assert "GSI2PK" not in item(world, code_grant())
    assert [each for each in world.audit().violations if "GRANT" in each.item] == []


@pytest.mark.protocol("grant-at-its-time")
def test_a_grant_that_was_refused_can_be_scheduled_anew(world: ServiceHarness) -> None:
    world.work_until(120)
    status = world.wallet().status
    grants(world).schedule(code_grant(), world.clock.now())
    set_status(world, WalletStatus.CLOSED)
    world.work()
    set_status(world, status)
    assert grants(world).schedule(code_grant(), world.clock.now())
    assert not grants(world).schedule(code_grant(), world.clock.now())
    assert "refused" not in item(world, code_grant())
    world.work()
    assert world.wallet().granted == 8 * SCALE
    assert world.audit().violations == ()


def test_a_scheduled_grant_that_is_made_on_other_terms_keeps_none_of_its_own(
    world: ServiceHarness,
) -> None:
    later, details = world.clock.now() + HOUR, {"reason": "a pack"}
    grants(world).schedule(code_grant(expires_at=2 * later, details=details), later)
    grants(world).make(code_grant())
    assert record_from(item(world, code_grant())).grant == code_grant()
    assert world.audit().violations == ()


@pytest.mark.protocol("grant-at-its-time")
def test_a_schedule_that_was_edited_makes_nothing_and_is_found(world: ServiceHarness) -> None:
    grants(world).schedule(code_grant(), world.clock.now())
    edited = {**item(world, code_grant()), "amount": 900}
    world.client.put_item(TableName=world.table._name, Item=encode_item(edited))
    alarms = Alarms()
    DueGrants(world.table, grants(world), world.clock, alarms).run_once()
    assert world.wallet().granted == 3 * SCALE
    assert alarms.raised == ["broken"]
    postponed = int(item(world, code_grant())["GSI2SK"])
    assert postponed == world.clock.now() + POSTPONE_MILLISECONDS
    (violation,) = world.audit().violations
    assert violation.what == "is not as this service wrote it (its MAC does not hold)"


@pytest.mark.protocol("grant-at-its-time")
def test_sweeps_side_by_side_make_each_grant_once(
    world: ServiceHarness, client: Any, table_name: str
) -> None:
    for number in range(40):
        grants(world).schedule(code_grant(grant_id=f"SPRING:{number}"), world.clock.now())
    processes = [ServiceHarness(client, table_name, clock=world.clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda process: [process.work() for _ in range(3)], processes))
    assert world.wallet().granted == (3 + 40 * 5) * SCALE
    assert world.audit().violations == ()


def test_a_grant_in_doubt_is_not_reported_as_refused(world: ServiceHarness) -> None:
    world.wire().plan("TransactWriteItems", "lost-request", times=1000)
    with pytest.raises(OutcomeUnknown):
        grants(world).make(code_grant())


@pytest.mark.protocol("grant-proved")
def test_an_entry_whose_grant_is_gone_is_found_and_the_grant_put_back(
    world: ServiceHarness,
) -> None:
    grant = code_grant(expires_at=world.clock.now() + HOUR, details={"reason": "a pack"})
    grants(world).make(grant)
    whole = item(world, grant)
    delete(world, grant)
    (violation,) = world.audit().violations
    assert violation.item == str(grant_key(grant))
    assert violation.what == "is missing, and entry 3 made it"
    assert world.repair.run(apply=True).left == ()
    assert item(world, grant) == whole
    assert world.audit().violations == ()


def delete(world: ServiceHarness, grant: Grant) -> None:
    world.client.delete_item(
        TableName=world.table._name, Key=encode_item(grant_key(grant).attributes())
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"userId": "bob"}, "names entry 3 of bob, which did not make it"),
        ({"amount": 6}, "is not as its entry says"),
        ({"entry": 2}, "is not as its entry says"),
        ({"kind": "free"}, "has another lot than its entry"),
        ({"lotExpiresAt": 1}, "has another lot than its entry"),
        ({"restriction": "video"}, "has another lot than its entry"),
        ({"amount": -1}, "cannot be read (ValueError: a grant brings credits)"),
    ],
)
@pytest.mark.protocol("grant-proved")
def test_a_made_grant_that_was_edited_is_found(
    world: ServiceHarness, change: dict[str, Any], what: str
) -> None:
    grants(world).make(code_grant())
    edited = {**item(world, code_grant()), **change}
    world.client.put_item(TableName=world.table._name, Item=encode_item(edited))
    assert what in [each.what for each in world.audit().violations]


@pytest.mark.protocol("grant-proved")
def test_a_grant_whose_entry_does_not_exist_is_found_and_taken_back(world: ServiceHarness) -> None:
    grants(world).make(code_grant())
    forged = code_grant(grant_id="SPRING:bob")
    copied = {**item(world, code_grant()), **grant_key(forged).attributes()}
    world.client.put_item(TableName=world.table._name, Item=encode_item(copied))
    (violation,) = world.audit().violations
    assert violation.item == str(grant_key(forged))
    assert violation.what == "names entry 3 of ann, which did not make it"
    assert world.repair.run(apply=True).left == ()
    assert world.audit().violations == ()
    assert grants(world).make(forged).made
