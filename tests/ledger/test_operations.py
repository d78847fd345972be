"""The wallet write over real DynamoDB semantics: versions, doubt, damage."""

import threading
from typing import Any

import pytest

from service.core.fifo_gate import WaitedTooLong
from service.core.metrics import NoMetrics
from service.ledger.entities import (
    InsufficientCredits,
    OutcomeUnknown,
    StaleRead,
    WalletBusy,
    WalletFrozen,
)
from service.ledger.lots import LotKind
from service.ledger.movements import grant, hold, welcome
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.ledger.store import entries
from service.ledger.wallet_locks import WalletLocks
from service.storage.keys import Key
from service.storage.settings import CALL_WAIT_SECONDS
from service.storage.table import READ_TRIES, Table, TableSaturated
from service.storage.writes import Put
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import local_client
from tests.faults.library.wire import Wire

USER = "u"
MARKER = Key("USER#u", "MARKER#1")


class Refusal(Exception):
    pass


def never_committed(_: Snapshot) -> bool:
    return False


def held(snapshot: Snapshot, amount: int, now: int, *writes: ConditionalWrite) -> Proposal:
    assert snapshot.wallet is not None
    return Proposal(hold(snapshot.wallet, amount, "job", now), writes)


def grant_one(snapshot: Snapshot, now: int) -> Proposal:
    assert snapshot.wallet is not None
    return Proposal(grant(snapshot.wallet, LotKind.FREE, 1, None, "more", now))


class ServiceHarness:
    def __init__(self, client: Any, table_name: str) -> None:
        self.clock = FakeClock()
        self.table = Table(local_client(client.meta.endpoint_url), table_name)
        self.ledger = Ledger(
            self.table, self.clock, NoMetrics(), WalletLocks(64), b"k" * 32, 5.0, lambda: 1.0
        )

    def open(self, amount: int = 3) -> None:
        self.ledger.move(
            USER,
            lambda snapshot, now: Proposal(welcome(snapshot.wallet, USER, amount, now)),
            never_committed,
        )

    def hold(self, amount: int = 1, marker: Key = MARKER) -> Any:
        moved = self.ledger.move(
            USER,
            lambda snapshot, now: held(
                snapshot, amount, now, ConditionalWrite(Put(marker, {"by": "test"}), Refusal())
            ),
            lambda snapshot: snapshot.item(marker) is not None,
            evidence=[marker],
        )
        return moved.wallet

    def state(self) -> tuple[int, int, int, int]:
        wallet = self.ledger.read_snapshot(USER).wallet
        assert wallet is not None
        assert wallet.faults() == []
        assert [entry.version for entry in entries(self.table, USER)] == list(
            range(1, wallet.version + 1)
        )
        return wallet.version, wallet.credits, wallet.held, len(list(entries(self.table, USER)))


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name)
    world.open()
    return world


@pytest.fixture
def wire(world: ServiceHarness) -> Wire:
    return Wire(world.table._client)


@pytest.mark.protocol("one-transaction")
def test_a_move_writes_wallet_entries_and_business_object_together(world: ServiceHarness) -> None:
    wallet = world.hold(2)
    assert (wallet.credits, wallet.held, wallet.version) == (1, 2, 2)
    assert world.state() == (2, 1, 2, 2)
    assert world.table.get(MARKER) is not None


@pytest.mark.protocol("chained-mac")
def test_the_chain_ends_in_the_wallets_head(world: ServiceHarness) -> None:
    world.hold()
    wallet = world.ledger.read_snapshot(USER).wallet
    assert wallet is not None
    assert [entry.mac for entry in entries(world.table, USER)][-1] == wallet.head != ""


@pytest.mark.protocol("refusal-writes-nothing")
def test_a_refused_decision_writes_nothing(world: ServiceHarness, wire: Wire) -> None:
    with pytest.raises(InsufficientCredits):
        world.hold(4)
    assert wire.calls == ["GetItem"]
    assert world.state() == (1, 3, 0, 1)


@pytest.mark.protocol("one-transaction")
def test_a_refused_business_object_takes_the_credits_back_with_it(world: ServiceHarness) -> None:
    world.hold()
    with pytest.raises(Refusal):
        world.hold()
    assert world.state() == (2, 2, 1, 2)


@pytest.mark.parametrize("fault", ["throttle", "conflict", "unreachable"])
@pytest.mark.protocol("conflict-retried")
def test_throttles_and_conflicts_are_tried_again(
    world: ServiceHarness, wire: Wire, fault: str
) -> None:
    wire.plan("TransactWriteItems", fault, times=3)
    world.hold()
    assert world.state() == (2, 2, 1, 2)
    assert wire.calls.count("TransactWriteItems") == 4


@pytest.mark.parametrize(
    "fault", ["lost-answer", "lost-request", "internal", "foreign-applied", "foreign-lost"]
)
@pytest.mark.protocol("lost-response")
def test_a_write_whose_response_is_lost_takes_effect_once(
    world: ServiceHarness, wire: Wire, fault: str
) -> None:
    wire.plan("TransactWriteItems", fault)
    wallet = world.hold()
    assert wallet.held == 1
    assert world.state() == (2, 2, 1, 2)


@pytest.mark.protocol("lost-response")
def test_a_request_that_arrives_late_changes_nothing_once_another_has_won(
    world: ServiceHarness, wire: Wire
) -> None:
    wire.plan("TransactWriteItems", "late")
    world.hold()
    assert wire.deliver_late() == [400]
    assert world.state() == (2, 2, 1, 2)


@pytest.mark.protocol("busy-means-unwritten")
def test_only_conflicts_until_the_deadline_is_busy_and_nothing_is_written(
    world: ServiceHarness, wire: Wire
) -> None:
    wire.plan("TransactWriteItems", "conflict", times=1000)
    with pytest.raises(WalletBusy):
        world.hold()
    wire._plans.clear()
    assert world.state() == (1, 3, 0, 1)


@pytest.mark.protocol("doubt-kept", "busy-means-unwritten")
def test_lost_requests_until_the_deadline_are_an_unknown_outcome(
    world: ServiceHarness, wire: Wire
) -> None:
    wire.plan("TransactWriteItems", "lost-request", times=1000)
    with pytest.raises(OutcomeUnknown):
        world.hold()


def test_a_write_that_landed_just_before_the_deadline_is_found(
    world: ServiceHarness, wire: Wire
) -> None:
    wire.plan("TransactWriteItems", "lost-answer")
    wire.before(
        lambda operation: world.clock.advance(6) if operation == "TransactWriteItems" else None
    )
    assert world.hold().held == 1


@pytest.mark.protocol("doubt-kept")
def test_a_refusal_while_an_attempt_may_still_land_is_an_unknown_outcome(
    world: ServiceHarness, wire: Wire
) -> None:
    """The lot ends between a lost attempt and the next decision: "insufficient" would be a lie if
    the attempt were committed."""
    end = world.clock.now() + 10
    entry = Key("USER#v", "ENTRY#000000000003")

    def granted(snapshot: Snapshot, now: int) -> Proposal:
        assert snapshot.wallet is not None
        return Proposal(grant(snapshot.wallet, LotKind.PROMO, 1, end, "g", now))

    world.ledger.move(
        "v",
        lambda snapshot, now: Proposal(welcome(snapshot.wallet, "v", 0, now)),
        never_committed,
    )
    world.ledger.move("v", granted, never_committed)
    wire.plan("TransactWriteItems", "late")
    with pytest.raises(OutcomeUnknown):
        world.ledger.move(
            "v",
            lambda snapshot, now: held(snapshot, 1, now),
            lambda snapshot: snapshot.item(entry) is not None,
            evidence=[entry],
        )
    assert wire.deliver_late() == [200]


@pytest.mark.parametrize("fault", ["late", "lost-request"])
@pytest.mark.protocol("doubt-kept")
def test_a_stale_read_while_an_attempt_may_still_land_is_an_unknown_outcome(
    world: ServiceHarness, wire: Wire, fault: str
) -> None:
    """A caller that reads again could do the work a second time."""
    wire.plan("TransactWriteItems", fault)

    def once(snapshot: Snapshot, now: int) -> Proposal:
        if "TransactWriteItems" in wire.calls:
            raise StaleRead
        return held(snapshot, 1, now)

    with pytest.raises(OutcomeUnknown):
        world.ledger.move(USER, once, never_committed)


class Saturated:
    """Every wait for a turn at the table takes its whole time and ends without one."""

    def __init__(self, world: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits = 0
        self._clock = world.clock
        monkeypatch.setattr(world.table._calls, "enter", self._enter)

    def _enter(self, wait_limit_seconds: float) -> bool:
        self.waits += 1
        self._clock.advance(wait_limit_seconds)
        raise WaitedTooLong


@pytest.mark.parametrize("related", [(), (MARKER,)])
def test_a_snapshot_that_finds_no_turn_in_time_is_not_waited_for_again(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, related: tuple[Key, ...]
) -> None:
    saturated = Saturated(world, monkeypatch)
    with pytest.raises(TableSaturated):
        world.ledger.read_snapshot(USER, related)
    assert saturated.waits == 1


def test_a_move_that_finds_no_turn_ends_soon_after_its_deadline_and_writes_nothing(
    world: ServiceHarness, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = world.clock.monotonic()
    with monkeypatch.context() as patch:
        Saturated(world, patch)
        with pytest.raises(TableSaturated) as refused:
            world.ledger.move(USER, grant_one, never_committed, related=[MARKER])
    assert refused.value.code == "STORAGE_UNAVAILABLE"
    assert world.clock.monotonic() - began <= 5.0 + CALL_WAIT_SECONDS
    assert wire.calls == []
    assert world.state() == (1, 3, 0, 1)


def test_conflicts_of_the_read_are_not_waited_out_beyond_the_deadline(
    world: ServiceHarness, wire: Wire
) -> None:
    """Every read takes a second: the last one starts before the deadline, and has no other after
    it."""
    began = world.clock.monotonic()
    wire.plan("TransactGetItems", "throttle", times=1000)
    wire.before(lambda _: world.clock.advance(1.0))
    with pytest.raises(WalletBusy):
        world.ledger.move(USER, grant_one, never_committed, related=[MARKER])
    assert world.clock.monotonic() - began <= 5.0 + READ_TRIES * 1.0
    assert world.state() == (1, 3, 0, 1)


def test_nothing_to_do_sends_nothing_and_returns_the_wallet_as_it_is(
    world: ServiceHarness, wire: Wire
) -> None:
    moved = world.ledger.move(USER, lambda snapshot, now: None, never_committed)
    assert (moved.movement, moved.wallet.version) == (None, 1)
    assert wire.calls == ["GetItem"]


def test_a_condition_without_a_meaning_of_its_own_is_read_and_proposed_anew(
    world: ServiceHarness, wire: Wire
) -> None:
    """Another process writes the marker after the snapshot: the next proposal knows of it."""
    other = Table(world.table._client, world.table._name)
    wire.before(
        lambda operation: (
            other.write(Put(MARKER, {"by": "another"}))
            if wire.calls == ["TransactGetItems"] and operation == "TransactWriteItems"
            else None
        )
    )

    def propose(snapshot: Snapshot, now: int) -> Proposal:
        free = snapshot.item(MARKER) is None
        marker = ConditionalWrite(Put(MARKER, {"by": "test"}))
        return held(snapshot, 1, now, *([marker] if free else []))

    assert world.ledger.move(USER, propose, never_committed, related=[MARKER]).wallet.held == 1
    assert (world.table.get(MARKER) or {})["by"] == "another"
    assert world.state() == (2, 2, 1, 2)


@pytest.mark.protocol("damage-freezes")
def test_an_entry_beyond_the_wallets_version_freezes_the_wallet(world: ServiceHarness) -> None:
    world.table.write(Put(Key("USER#u", "ENTRY#000000000002"), {"kind": "HOLD"}))
    with pytest.raises(WalletFrozen):
        world.hold()
    wallet = world.ledger.read_snapshot(USER).wallet
    assert wallet is not None
    assert (wallet.status, wallet.version, wallet.credits) == ("frozen", 1, 3)
    assert world.table.get(MARKER) is None


def test_a_hundred_parallel_holds_on_three_credits_take_exactly_three(
    world: ServiceHarness,
) -> None:
    world.ledger._clock = _RealSleep()
    outcomes: list[str] = []

    def one(number: int) -> None:
        try:
            world.hold(1, Key("USER#u", f"MARKER#{number}"))
            outcomes.append("held")
        except InsufficientCredits:
            outcomes.append("refused")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("held"), outcomes.count("refused")) == (3, 57)
    assert world.state() == (4, 0, 3, 4)


@pytest.mark.protocol("version-compared")
def test_processes_that_share_no_queue_still_take_exactly_three(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    worlds = [ServiceHarness(client, table_name) for _ in range(8)]
    outcomes: list[str] = []

    def one(number: int) -> None:
        worlds[number].ledger._clock = _RealSleep()
        for turn in range(2):
            try:
                worlds[number].hold(1, Key("USER#u", f"MARKER#{number}-{turn}"))
                outcomes.append("held")
            except InsufficientCredits:
                outcomes.append("refused")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("held"), outcomes.count("refused")) == (3, 13)
    assert world.state() == (4, 0, 3, 4)


class _RealSleep(FakeClock):
    """Sleeps a little for real, so that threads give way; time itself stands."""

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.02))
