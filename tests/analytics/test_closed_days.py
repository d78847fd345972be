"""An audit's walk closes days, and their figures are exactly what the ledgers say."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from service.analytics.account_figures import figures_of, unspent_after
from service.analytics.closed_days import ClosedDays
from service.analytics.entities import Days
from service.analytics.figures import (
    MAX_OPERATIONS,
    OTHER_OPERATIONS,
    DayFigures,
    HouseFigures,
    OperationFigures,
    bounded,
)
from service.analytics.operations import HouseAnalytics, HouseReport
from service.audit.entities import AuditStopped, Progress, ScanPlan
from service.core.amounts import SCALE, credits_of
from service.core.days import Day, end_of, start_of
from service.ledger.claw_backs import claw_back
from service.ledger.entities import Entry
from service.ledger.holdings import HOLDING_KINDS, Holding, holding_after, holding_of
from service.ledger.lots import LotKind
from service.ledger.movements import capture, hold, release, welcome
from service.providers.base import Indeterminate, TaskStatus
from tests.analytics.random_jobs import RandomJobs, sums_of, unspent_of
from tests.doubles.history import write_movements
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import refusal
from tests.ledger.life import NOW, LedgerLife

FIRST = date(2027, 3, 1)
USERS = 6


class FiguresLife(LedgerLife):
    """What is unspent by kind of lot follows from the entries alone, whatever happens."""

    def __init__(self) -> None:
        super().__init__()
        self.unspent: dict[str, int] = {}
        self.holds: dict[str, Holding] = {}
        self.read = 0

    @invariant()
    def what_is_unspent_is_available_or_held(self) -> None:
        for entry in self.entries[self.read :]:
            if entry.kind in HOLDING_KINDS:
                self.holds[entry.ref] = holding_after(self.holds.get(entry.ref), entry)
            self.unspent = unspent_after(self.unspent, entry, self.holds.get(entry.ref))
            assert sum(self.unspent.values()) == entry.credits + entry.held
            assert min(self.unspent.values(), default=0) >= 0
        self.read = len(self.entries)


FiguresLife.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestFiguresLife = FiguresLife.TestCase


@pytest.mark.parametrize("captured", [None, 400])
def test_what_returns_and_pays_debt_is_not_unspent(captured: int | None) -> None:
    """The job held 1,000 of 1,500 credits when 900 were taken back: 400 of that are debt."""
    opened = welcome(None, "ann", 1_500, NOW)
    held = hold(opened.wallet, 1_000, "job", NOW)
    taken = claw_back(held.wallet, 900, LotKind.PAID, None, "refund", NOW)
    allocation = held.entries[0].allocation
    if captured is None:
        ended = release(taken.wallet, allocation, "job", NOW, NOW)
    else:
        ended = capture(taken.wallet, allocation, captured, "job", NOW, NOW)
    assert ended.entries[0].debt_paid == 400
    unspent: dict[str, int] = {}
    for movement in (opened, held, taken, ended):
        for entry in movement.entries:
            unspent = unspent_after(unspent, entry, holding_of(held.entries))
            assert sum(unspent.values()) == entry.credits + entry.held
    assert unspent == {"free": ended.wallet.credits}


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    world = ServiceHarness(memory, memory.name, welcome_credits=20)
    go_to(world, start_of(FIRST))
    return world


def go_to(world: ServiceHarness, at: int) -> None:
    world.clock.advance((at - world.clock.now()) / 1000)


def with_random_jobs(world: ServiceHarness, seed: int, jobs: int, days: int) -> None:
    """Several users with random ledgers that begin on the first day."""
    for number in range(USERS):
        user_id = f"user-{number}"
        world.submit(user_id, device=f"device of {number}")
        made = RandomJobs(seed, world.clock.now(), user_id)
        write_movements(world, user_id, made.steps(jobs, days))


def close(world: ServiceHarness, **more: Any) -> None:
    world.auditor.audit(closing=world.parts.get(ClosedDays), **more)


def report(world: ServiceHarness, first: Day | None = None, last: Day | None = None) -> HouseReport:
    return world.parts.get(HouseAnalytics).report(first, last)


def closed(world: ServiceHarness) -> dict[str, Any]:
    return {
        item["SK"]["S"]: item["figures"]["S"]
        for item in world.items()
        if item["PK"]["S"] == "ANALYTICS"
    }


@pytest.mark.parametrize("seed", range(2))
def test_the_figures_equal_an_independent_sum_of_the_ledger(
    world: ServiceHarness, seed: int
) -> None:
    with_random_jobs(world, seed, jobs=40, days=5)
    go_to(world, end_of(date(2027, 3, 20)))
    world.clock.advance(3600)
    close(world)
    found = report(world, FIRST, date(2027, 3, 20))
    rows = {
        (day.isoformat(), operation): [
            each.usage.count,
            each.usage.failures,
            credits_of(each.usage.credits),
            each.usage.latency_milliseconds,
        ]
        for day, figures in found.closed.items()
        for operation, each in figures.operations.items()
    }
    items = world.items()
    assert rows == sums_of(items)
    assert sum(row[0] for row in rows.values()) > 100
    last = found.closed[date(2027, 3, 20)]
    liability = {kind: credits_of(amount) for kind, amount in last.liability.items()}
    assert liability == unspent_of(items)
    wallets = [world.wallet(f"user-{number}") for number in range(USERS)]
    assert last.balance == sum(wallet.credits for wallet in wallets)
    assert last.wallets == USERS
    of_all = DayFigures()
    for figures in found.closed.values():
        of_all = of_all.plus(figures)
    assert sum(of_all.charged.values()) == sum(wallet.captured for wallet in wallets)
    assert -of_all.moved["EXPIRY"].amount == sum(wallet.expired for wallet in wallets)
    assert -of_all.moved["ADJUSTMENT"].amount == sum(wallet.removed for wallet in wallets)
    spent: dict[str, int] = {}
    for spender in (each for figures in found.closed.values() for each in figures.top):
        spent[spender.user_id] = spent.get(spender.user_id, 0) + spender.credits
    assert spent == {wallet.user_id: wallet.captured for wallet in wallets if wallet.captured}


def test_a_walk_that_is_killed_and_resumed_finds_the_same(
    world: ServiceHarness, memory: MemoryBehind
) -> None:
    with_random_jobs(world, 3, jobs=12, days=3)
    go_to(world, end_of(date(2027, 3, 6)))
    world.clock.advance(3600)
    close(world)
    expected = closed(world)
    assert expected
    for key in expected:
        world.client.delete_item(
            TableName=world.table._name, Key={"PK": {"S": "ANALYTICS"}, "SK": {"S": key}}
        )
    resumed(world)
    assert closed(world) == expected


def resumed(world: ServiceHarness) -> None:
    """A walk that stops after every fortieth read, and goes on from what a record keeps of it."""
    progress: list[Progress] = []
    stops = 0
    while stops < 100:
        reads = iter(range(40))
        try:
            world.auditor.audit(
                ScanPlan(3),
                begun=_kept(progress[-1]) if progress else None,
                on_progress=progress.append,
                stopping=lambda reads=reads: next(reads, None) is None,
                closing=world.parts.get(ClosedDays),
            )
            break
        except AuditStopped:
            stops += 1
    assert 1 < stops < 100


def _kept(progress: Progress) -> Progress:
    figures = progress.figures
    assert figures is not None
    return replace(progress, figures=HouseFigures.from_document(figures.document()))


def test_a_day_is_closed_only_when_it_is_over_and_late_writes_have_arrived(
    world: ServiceHarness,
) -> None:
    world.submit()
    close(world)
    assert closed(world) == {}
    go_to(world, end_of(FIRST) + 14 * 60 * 1000)
    close(world)
    assert closed(world) == {}
    world.clock.advance(120)
    close(world)
    assert list(closed(world)) == ["DAY#2027-03-01"]
    assert world.audit().violations == ()


def test_days_without_an_audit_are_closed_by_the_next(world: ServiceHarness) -> None:
    world.submit()
    go_to(world, start_of(date(2027, 3, 10)) + 3_600_000)
    close(world)
    assert len(closed(world)) == 9
    go_to(world, start_of(date(2027, 3, 12)) + 3_600_000)
    assert world.parts.get(ClosedDays).begin().days == Days(date(2027, 3, 9), date(2027, 3, 11))
    close(world)
    assert len(closed(world)) == 11


def test_closing_again_changes_nothing(world: ServiceHarness) -> None:
    with_random_jobs(world, 5, jobs=5, days=1)
    go_to(world, end_of(date(2027, 3, 3)) + 3_600_000)
    close(world)
    before = world.items()
    world.clock.advance(600)
    close(world)
    assert world.items() == before


def test_what_is_delivered_late_is_house_loss_of_the_day_and_no_violation(
    world: ServiceHarness,
) -> None:
    world.provider.creates = [Indeterminate()]
    job_id = world.submit().job.job_id
    for seconds in (700, 100):
        world.clock.advance(seconds)
        world.settlement.resolve("ann", job_id)
    go_to(world, end_of(FIRST) + 3_600_000)
    close(world)
    assert report(world, FIRST, FIRST).closed[FIRST].operations["kling:image2video"] == (
        replace(_failed(), house_loss=0, house_losses=0)
    )
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    late = world.settlement.resolve("ann", job_id)
    audit = world.auditor.audit(closing=world.parts.get(ClosedDays))
    found = report(world, FIRST, FIRST).closed[FIRST].operations["kling:image2video"]
    assert (found.house_loss, found.house_losses) == (SCALE, 1)
    cost = late.provider_cost
    assert found.cost_micros == ({cost.currency: cost.micros} if cost else {})
    assert audit.violations == ()


def _failed() -> OperationFigures:
    once = DayFigures().plus(DayFigures(operations={"x": OperationFigures()}))
    usage = replace(once.operations["x"].usage, count=1, failures=1)
    return OperationFigures(usage)


def test_a_day_that_was_closed_with_other_figures_is_a_violation_and_is_put_right(
    world: ServiceHarness,
) -> None:
    world.provider.book(world.submit().job.job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    go_to(world, end_of(FIRST) + 3_600_000)
    close(world)
    right = closed(world)
    tamper(
        world,
        right["DAY#2027-03-01"]
        .replace('"paid":"0"', '"paid":"9"')
        .replace('"wallets":1', '"wallets":2'),
    )
    assert [each.item for each in world.audit().violations] == ["ANALYTICS/DAY#2027-03-01"]
    assert report(world, FIRST, FIRST).closed == {}
    assert report(world, FIRST, FIRST).missing == (FIRST,)
    audit = world.auditor.audit(closing=world.parts.get(ClosedDays))
    assert {each.item for each in audit.violations} == {"ANALYTICS/DAY#2027-03-01"}
    assert "is not what the entries of its day say" in {each.what for each in audit.violations}
    assert closed(world) == right
    assert world.audit().violations == ()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"operations": 1}', "\ud83d"])
def test_a_day_that_cannot_be_read_is_named_and_missing(world: ServiceHarness, text: str) -> None:
    world.submit()
    go_to(world, end_of(FIRST) + 3_600_000)
    close(world)
    tamper(world, text.encode("utf-8", "replace").decode())
    [violation] = world.audit().violations
    assert violation.item == "ANALYTICS/DAY#2027-03-01"
    assert "cannot be read" in violation.what
    assert report(world, FIRST, FIRST).missing == (FIRST,)
    close(world)


def tamper(world: ServiceHarness, text: str) -> None:
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "ANALYTICS"}, "SK": {"S": "DAY#2027-03-01"}},
        UpdateExpression="SET figures = :t",
        ExpressionAttributeValues={":t": {"S": text}},
    )


def test_a_process_that_may_only_read_audits_all_the_same(world: ServiceHarness) -> None:
    world.submit()
    go_to(world, end_of(FIRST) + 3_600_000)
    world.wire().instead(_denying)
    audit = world.auditor.audit(closing=world.parts.get(ClosedDays))
    assert (audit.users, audit.violations, closed(world)) == (1, (), {})


def _denying(operation: str, body: dict[str, Any]) -> Any:
    return refusal(400, "AccessDeniedException") if operation == "PutItem" else None


def test_figures_survive_being_written_down(world: ServiceHarness) -> None:
    with_random_jobs(world, 9, jobs=10, days=2)
    days = Days(FIRST, date(2027, 3, 4))
    figures = HouseFigures(days)
    for number in range(USERS):
        figures = figures.plus(figures_of(Records(world, f"user-{number}"), days))
    again = HouseFigures.from_document(figures.document())
    assert again == figures


class Records:
    """The account of a user as far as it is summed up."""

    def __init__(self, world: ServiceHarness, user_id: str) -> None:
        self.user_id = user_id
        self.entries = tuple(world.ledger.entries(user_id))
        self.late: tuple[Entry, ...] = ()
        self.jobs = ()


def test_beyond_so_many_operations_the_smallest_are_summed_up() -> None:
    operations = {f"op:{number:04}": OperationFigures(house_loss=1) for number in range(500)}
    kept = bounded(DayFigures(operations=operations))
    assert len(kept.operations) == MAX_OPERATIONS
    assert kept.operations[OTHER_OPERATIONS].house_loss == 500 - MAX_OPERATIONS + 1
    assert bounded(kept) == kept
