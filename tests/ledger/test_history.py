"""The history from the table: every line on exactly one page, at a cost that does not grow."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from service.core.days import DAY, end_of, start_of
from service.ledger.entities import Movement, Wallet
from service.ledger.history import History, HistoryFilter, HistoryPage
from service.ledger.history_lines import HistoryLine, TransactionType
from service.ledger.lots import LotKind
from service.ledger.movements import grant
from service.providers.base import TaskStatus
from service.storage.cursor import PageTokenInvalid
from tests.doubles.history import write_finished_jobs, write_movements
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Bill, Meter
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

ALL = HistoryFilter()


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    world = ServiceHarness(memory, memory.name, welcome_credits=100_000)
    world.provider.book(world.submit().job.job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    return world


@pytest.fixture
def history(world: ServiceHarness) -> History:
    return world.parts.get(History)


def pages(
    history: History, wanted: HistoryFilter, limit: int, user_id: str = "ann"
) -> Iterator[HistoryPage]:
    token = None
    while True:
        page = history.page(user_id, wanted, limit, token)
        yield page
        token = page.next_token
        if token is None:
            return


def granting(at: int, amount: int = 1_000) -> Callable[[Wallet], Movement]:
    return lambda wallet: grant(wallet, LotKind.PROMO, amount, None, "gift", at)


def in_pages(history: History, wanted: HistoryFilter, limit: int) -> list[HistoryLine]:
    return [line for page in pages(history, wanted, limit) for line in page.lines]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_every_line_is_on_exactly_one_page_newest_first(
    world: ServiceHarness, history: History, limit: int
) -> None:
    write_finished_jobs(world, "ann", 12)
    write_movements(world, "ann", [granting(world.clock.now())] * 3)
    found = list(pages(history, ALL, limit))
    lines = [line for page in found for line in page.lines]
    assert all(page.lines for page in found)
    assert [line.version for line in lines] == sorted(
        (line.version for line in lines), reverse=True
    )
    assert [line.type for line in lines] == ["BONUS"] * 3 + ["USAGE"] * 13 + ["INITIAL"]
    assert lines == list(history.lines("ann", ALL))
    assert sum(line.amount for line in lines) == lines[0].balance_after
    assert lines[0].balance_after == world.wallet().credits


def test_a_user_without_a_wallet_has_no_history(history: History) -> None:
    assert history.page("nobody", ALL, 50, None) == HistoryPage((), None)
    assert list(history.lines("nobody", ALL)) == []
    assert history.page("nobody", HistoryFilter(before_at=1), 50, None).lines == ()


def test_a_line_names_the_work_and_the_request(world: ServiceHarness, history: History) -> None:
    line = next(line for line in history.lines("ann", ALL) if line.type == "USAGE")
    assert (line.provider, line.operation) == ("kling", "image2video")
    assert line.job_id is not None
    assert world.job(line.job_id).held == -line.amount


@pytest.mark.parametrize(
    "other",
    [
        HistoryFilter(type=TransactionType.USAGE),
        HistoryFilter(from_at=1),
        HistoryFilter(before_at=1),
    ],
)
def test_a_token_goes_on_with_its_own_user_and_filters_only(
    world: ServiceHarness, history: History, other: HistoryFilter
) -> None:
    token = history.page("ann", ALL, 1, None).next_token
    assert token is not None
    assert history.page("ann", ALL, 1, token).lines
    for user_id, wanted in (("ann", other), ("bob", ALL)):
        with pytest.raises(PageTokenInvalid):
            history.page(user_id, wanted, 1, token)
    with pytest.raises(PageTokenInvalid):
        world.jobs.page("ann", 1, token)


def test_days_bound_the_lines_both_ends_included(world: ServiceHarness, history: History) -> None:
    first = end_of(date(2027, 3, 1))
    moments = [first + day * DAY + at for day in range(9) for at in (0, 1, DAY // 2, DAY - 1)]
    write_movements(world, "ann", [granting(at) for at in moments])
    for begin in (0, 3, 8):
        for end in (begin, 8):
            wanted = HistoryFilter(
                from_at=start_of(date(2027, 3, 2 + begin)),
                before_at=end_of(date(2027, 3, 2 + end)),
            )
            expected = [at for at in moments if begin <= (at - first) // DAY <= end][::-1]
            for lines in (list(history.lines("ann", wanted)), in_pages(history, wanted, 5)):
                assert [line.at for line in lines] == expected
    nothing = HistoryFilter(from_at=first + 20 * DAY)
    assert in_pages(history, nothing, 5) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 33])
def test_the_version_at_a_moment_is_found_by_a_binary_search(
    world: ServiceHarness, history: History, memory: MemoryBehind, count: int
) -> None:
    base = world.wallet()
    moments = [world.clock.now() + 10 * (number // 2) for number in range(count)]
    write_movements(world, "ann", [granting(at) for at in moments])
    entries = list(world.ledger.entries("ann"))
    for at in sorted({entry.at + step for entry in entries for step in (-1, 0, 1)}):
        expected = next((entry.version for entry in entries if entry.at >= at), len(entries) + 1)
        with Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill:
            assert history.version_at("ann", at) == expected
        assert len(bill.calls) <= 2 + len(entries).bit_length()
    assert base.version + count == len(entries)


def test_a_rare_type_is_searched_within_bounds_and_found_in_the_end(
    world: ServiceHarness, history: History, memory: MemoryBehind
) -> None:
    write_movements(world, "ann", [granting(world.clock.now())] * 1_100)
    found = list(pages(history, HistoryFilter(type=TransactionType.INITIAL), 10))
    assert [len(page.lines) for page in found] == [0, 1]
    with Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill:
        history.page("ann", HistoryFilter(type=TransactionType.INITIAL), 10, None)
    assert bill.calls == ["Query"] * 5


def test_page_one_and_page_one_thousand_cost_the_same(
    world: ServiceHarness, history: History, memory: MemoryBehind
) -> None:
    write_finished_jobs(world, "ann", 1_010)
    costs: list[Bill] = []
    token = None
    for number in range(1, 1_001):
        if number in (1, 2, 500, 1_000):
            with Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill:
                page = history.page("ann", ALL, 1, token)
            costs.append(bill)
        else:
            page = history.page("ann", ALL, 1, token)
        assert len(page.lines) == 1
        token = page.next_token
    assert {(tuple(bill.calls), bill.reads, bill.writes) for bill in costs} == {(("Query",), 1, 0)}


def test_a_full_page_costs_one_query(
    world: ServiceHarness, history: History, memory: MemoryBehind
) -> None:
    write_finished_jobs(world, "ann", 120)
    with Meter(world.dynamodb, RawClient(memory_client(memory))).watch() as bill:
        assert len(history.page("ann", ALL, 100, None).lines) == 100
    assert (bill.calls, bill.writes) == (["Query"], 0)
    assert bill.reads <= 16
