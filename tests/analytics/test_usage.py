"""What a user's jobs did with credits: exactly what the ledger says, day by day."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from service.analytics.entities import MAX_DAYS, Days, RangeTooLarge, UsageKey
from service.analytics.operations import Analytics
from service.core.amounts import SCALE
from service.core.days import DAY, day_at, start_of
from service.ledger.entities import EntryKind, Movement, Wallet
from service.ledger.lots import LotKind
from service.ledger.movements import capture, grant, hold, release
from service.providers.base import TaskStatus
from tests.doubles.history import write_movements
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

FIRST = date(2027, 3, 1)
OPERATIONS = ("kling:image2video", "openai:text", "openai:image")
Step = Callable[[Wallet], Movement]


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    world = ServiceHarness(memory, memory.name, welcome_credits=100_000)
    world.clock.advance((start_of(FIRST) - world.clock.now()) / 1000)
    world.provider.book(world.submit().job.job_id, TaskStatus.FAILED)
    world.work_until(60)
    return world


@pytest.fixture
def analytics(world: ServiceHarness) -> Analytics:
    return world.parts.get(Analytics)


def some_jobs(chance: random.Random, count: int, start_at: int) -> list[Step]:
    """Jobs of any operation, some of which overlap; some fail, some cost less than was held."""
    steps: list[Step] = []
    at = start_at
    open_jobs: list[tuple[str, dict[str, str]]] = []
    for number in range(count):
        at += chance.randrange(DAY // 5)
        ref, details = f"job_{number}", {"operation": chance.choice(OPERATIONS)}
        amount = chance.randint(1, 3 * SCALE)
        steps.append(_holding(ref, amount, at, details))
        open_jobs.append((ref, details))
        while open_jobs and chance.random() < 0.6:
            at += chance.randrange(DAY // 8)
            steps.append(_ending(*open_jobs.pop(0), chance.choice([None, 0, 1, 1_000_000]), at))
    return steps


def _holding(ref: str, amount: int, at: int, details: dict[str, str]) -> Step:
    return lambda wallet: hold(wallet, amount, ref, at, details=details)


def _ending(ref: str, details: dict[str, str], captured: int | None, at: int) -> Step:
    def step(wallet: Wallet) -> Movement:
        held = HELD[ref]
        if captured is None:
            return release(wallet, held[0], ref, held[1], at, details=details)
        amount = min(captured, sum(portion.taken for portion in held[0]))
        return capture(wallet, held[0], amount, ref, held[1], at, details=details)

    return step


HELD: dict[str, Any] = {}


def remembering(steps: list[Step]) -> list[Step]:
    """The steps, each of which remembers what its hold took."""

    def wrapped(step: Step) -> Step:
        def run(wallet: Wallet) -> Movement:
            movement = step(wallet)
            for entry in movement.entries:
                if entry.kind is EntryKind.HOLD:
                    HELD[entry.ref] = entry.allocation, entry.at
            return movement

        return run

    return [wrapped(step) for step in steps]


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_are_those_of_the_ledger(
    world: ServiceHarness, analytics: Analytics, seed: int
) -> None:
    chance = random.Random(seed)
    write_movements(world, "ann", remembering(some_jobs(chance, 60, world.clock.now())))
    entries = list(world.ledger.entries("ann"))
    last = day_at(entries[-1].at)
    expected: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in entries:
        if entry.kind in (EntryKind.CAPTURE, EntryKind.RELEASE):
            sums = expected[day_at(entry.at), entry.details["operation"]]
            sums[0] += 1
            sums[1] += entry.kind is EntryKind.RELEASE
            sums[2] += entry.amount if entry.kind is EntryKind.CAPTURE else 0
    usage = analytics.usage_of("ann", FIRST, last)
    assert {
        (key.day, key.operation): [each.count, each.failures, each.credits]
        for key, each in usage.table.items()
    } == dict(expected)
    assert sum(each.credits for each in usage.table.values()) == world.wallet().captured
    assert list(usage.table) == sorted(usage.table, key=lambda key: (key.day, key.operation))


def test_single_days_add_up_to_their_range(world: ServiceHarness, analytics: Analytics) -> None:
    steps = remembering(some_jobs(random.Random(7), 60, world.clock.now()))
    write_movements(world, "ann", steps)
    last = day_at(world.wallet().updated_at)
    whole = analytics.usage_of("ann", FIRST, last).table
    parts: dict[UsageKey, Any] = {}
    for number in range(FIRST.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        parts |= analytics.usage_of("ann", day, day).table
    count = {key: (each.count, each.failures, each.credits) for key, each in whole.items()}
    assert {key: (each.count, each.failures, each.credits) for key, each in parts.items()} == count


def test_a_job_that_began_before_the_range_is_timed_from_its_hold(
    world: ServiceHarness, analytics: Analytics
) -> None:
    world.clock.advance(86_400 - 100)
    job = world.submit().job
    world.clock.advance(200)
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job.job_id)
    today = day_at(world.clock.now())
    [(key, usage)] = analytics.usage_of("ann", today, today).table.items()
    assert key == UsageKey(today, "kling:image2video")
    assert today != day_at(job.created_at)
    assert (usage.count, usage.average_latency_seconds, usage.max_latency_seconds) == (1, 200, 200)


def test_what_did_not_deliver_has_no_latency(world: ServiceHarness, analytics: Analytics) -> None:
    [usage] = analytics.usage_of("ann", FIRST, FIRST).table.values()
    assert (usage.count, usage.failures, usage.credits) == (1, 1, 0)
    assert usage.average_latency_seconds is usage.max_latency_seconds is None


def test_grants_are_no_usage(world: ServiceHarness, analytics: Analytics) -> None:
    before = analytics.usage_of("ann", FIRST, FIRST)
    write_movements(
        world, "ann", [lambda wallet: grant(wallet, LotKind.PAID, 5, None, "p", wallet.updated_at)]
    )
    assert analytics.usage_of("ann", FIRST, FIRST) == before


def test_an_unknown_user_has_no_usage(analytics: Analytics) -> None:
    assert analytics.usage_of("nobody", FIRST, FIRST).table == {}


def test_without_days_the_last_thirty_are_summed_up() -> None:
    days = Days.within(None, None, FIRST)
    assert (days.last, days.count) == (FIRST, 30)
    assert Days.within(None, FIRST, date(2030, 1, 1)).count == 30
    assert Days.within(date(2027, 2, 1), None, FIRST) == Days(date(2027, 2, 1), FIRST)
    assert Days.within(date(2028, 2, 1), None, FIRST).count == 1
    assert Days.within(None, date(1, 1, 3), FIRST).first == date(1, 1, 1)


@pytest.mark.parametrize("days", [MAX_DAYS + 1, 5_000])
def test_too_many_days_are_refused_before_anything_is_read(
    world: ServiceHarness, analytics: Analytics, memory: MemoryBehind, days: int
) -> None:
    first = date.fromordinal(FIRST.toordinal() - days + 1)
    with (
        Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill,
        pytest.raises(RangeTooLarge),
    ):
        analytics.usage_of("ann", first, FIRST)
    assert bill.calls == []


def test_too_many_entries_are_refused_before_they_are_read(
    world: ServiceHarness,
    analytics: Analytics,
    memory: MemoryBehind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.analytics.operations.MAX_ENTRIES", 2)
    with (
        Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill,
        pytest.raises(RangeTooLarge) as refused,
    ):
        analytics.usage_of("ann", FIRST, FIRST)
    assert refused.value.details == {"entries": 3, "maxEntries": 2}
    assert len(bill.calls) <= 10
