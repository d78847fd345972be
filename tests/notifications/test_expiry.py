"""Credits that will expire are reported a week before, once, and only if they are still there."""

import json
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.ledger.lots import LotKind
from service.ledger.movements import grant
from service.ledger.operations import Proposal, Snapshot
from service.notifications import keys
from service.storage.keys import DUE_TIME_END
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import NotifyingHarness

DAY = 86_400
WEEK = 7 * DAY


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    world = NotifyingHarness(memory, memory.name)
    world.endpoint()
    world.finish()
    return world


def granted(snapshot: Snapshot, now: int, kind: LotKind, amount: int, end: int | None) -> Proposal:
    assert snapshot.wallet is not None
    return Proposal(grant(snapshot.wallet, kind, amount * SCALE, end, f"g{end}", now))


def grant_until(
    world: NotifyingHarness, seconds: float, amount: int = 2, kind: LotKind = LotKind.FREE
) -> int:
    end = world.clock.now() + round(seconds * 1000)
    world.ledger.move(
        "ann",
        lambda snapshot, now: granted(snapshot, now, kind, amount, end),
        lambda _: False,
    )
    return end


def reported(world: NotifyingHarness) -> list[dict[str, Any]]:
    return [json.loads(each.event.body)["data"] for each in world.receivers.sent]


def test_credits_are_reported_a_week_before_their_day(world: NotifyingHarness) -> None:
    grant_until(world, 20 * DAY)
    world.work_until(12 * DAY, step=DAY / 2)
    assert reported(world) == []
    world.work_until(2 * DAY, step=3600)
    [data] = reported(world)
    assert (data["userId"], data["credits"]) == ("ann", 2)
    assert data["expiresAt"].startswith("2026-10-11")
    world.work_until(6 * DAY, step=DAY / 2)
    assert len(reported(world)) == 1
    assert world.audit().violations == ()


def test_what_has_been_spent_is_not_reported(world: NotifyingHarness) -> None:
    grant_until(world, 20 * DAY)
    for _ in range(2):
        world.finish()
    world.work_until(14 * DAY, step=DAY / 2)
    assert reported(world) == []
    assert world.items_of("EXPIRY#")[0].get("GSI2PK") is None


def test_lots_of_one_day_are_reported_together(world: NotifyingHarness) -> None:
    start = world.clock.now() % (DAY * 1000) / 1000
    grant_until(world, 20 * DAY - start + 3600, 1)
    grant_until(world, 20 * DAY - start + 7200, 2, LotKind.PAID)
    world.work_until(14 * DAY, step=DAY / 2)
    assert [data["credits"] for data in reported(world)] == [3]


def test_credits_with_a_short_life_are_reported_at_once(world: NotifyingHarness) -> None:
    grant_until(world, 3 * DAY)
    world.settle()
    assert len(reported(world)) == 1


def test_a_further_lot_of_a_day_that_was_reported_is_reported_too(
    world: NotifyingHarness,
) -> None:
    grant_until(world, 3 * DAY, 1)
    world.settle()
    world.clock.advance(60)
    grant_until(world, 3 * DAY, 2, LotKind.PAID)
    world.settle()
    assert [data["credits"] for data in reported(world)] == [1, 3]


def test_a_process_that_dies_between_the_event_and_the_notice_reports_once(
    world: NotifyingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_until(world, 3 * DAY)
    notices = next(
        sweep._work  # type: ignore[attr-defined]
        for sweep in world.sweeps(None)  # type: ignore[arg-type]
        if sweep.name == "expiring_credits"
    )
    [hit] = notices.due(keys.DUE_NOTICES.partitions[0], 25)
    with monkeypatch.context() as patch:
        patch.setattr(notices, "_done", lambda *_: None)
        assert notices.dispatch(hit)
    world.settle()
    world.settle()
    assert len(reported(world)) == 1


def test_a_notice_costs_three_units_with_the_grant_that_causes_it(
    world: NotifyingHarness, memory: MemoryBehind
) -> None:
    meter = Meter(world.dynamodb, RawClient(memory_client(memory)))
    with meter.watch() as bill:
        grant_until(world, 20 * DAY)
    with meter.watch() as without:
        world.ledger.move(
            "ann",
            lambda snapshot, now: granted(snapshot, now, LotKind.PAID, 1, None),
            lambda _: False,
        )
    assert bill.writes == without.writes + 3


def test_credits_that_end_beyond_what_the_due_index_sorts_have_no_notice(
    world: NotifyingHarness,
) -> None:
    """They would be due now, again and again before those that are."""
    grant_until(world, (DUE_TIME_END - world.clock.now()) / 1000)
    assert [each for each in world.items() if each["SK"]["S"].startswith(keys.NOTICE_PREFIX)] == []
    grant_until(world, 20 * DAY)
    world.work_until(14 * DAY, step=DAY)
    assert len(reported(world)) == 1
    assert world.audit().violations == ()
