"""Requests that wait for a job: each learns of its own, and they read together."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.core.clock import SystemClock
from service.jobs import keys, store
from service.jobs.waiting import MAX_TOGETHER, OpenJobs
from service.storage.dynamodb import connect
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Put, Update, When
from tests.doubles.clock import FakeClock
from tests.faults.library.wire import Wire

USER = "ann"


@pytest.fixture
def table(client: Any, table_name: str) -> Table:
    return Table(connect("us-east-1", client.meta.endpoint_url, 10, 30, 64), table_name)


@pytest.fixture
def wire(table: Table) -> Wire:
    return Wire(table._client)


def begin(table: Table, *names: str) -> None:
    for name in names:
        table.write(Put(keys.job(USER, name), {"status": "SUBMITTED"}))


def end(table: Table, name: str) -> None:
    ended = {"status": "SUCCEEDED"}
    table.write(Update(keys.job(USER, name), When(equals={"status": "SUBMITTED"}), set=ended))


def waited(table: Table, clock: Any, name: str = "one", seconds: float = 10) -> float:
    """For how long."""
    started = clock.monotonic()
    OpenJobs(table, clock).wait(USER, name, seconds)
    return float(clock.monotonic() - started)


def test_an_open_job_is_waited_for_until_the_time_is_over(table: Table) -> None:
    begin(table, "one")
    assert waited(table, FakeClock()) == pytest.approx(10)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_job_that_has_ended_is_found_at_the_first_read(table: Table, status: str) -> None:
    table.write(Put(keys.job(USER, "one"), {"status": status}))
    assert waited(table, FakeClock()) == pytest.approx(0.5)


def test_reads_become_less_frequent(table: Table, wire: Wire) -> None:
    begin(table, "one")
    wire.calls.clear()
    waited(table, FakeClock(), seconds=20)
    assert wire.calls == ["BatchGetItem"] * len(wire.calls)
    assert 10 <= len(wire.calls) <= 14


@pytest.mark.parametrize("fault", ["throttle", "internal", "lost-answer"])
def test_a_table_that_does_not_respond_for_a_while_ends_no_wait(
    table: Table, wire: Wire, fault: str
) -> None:
    begin(table, "one")
    end(table, "one")
    wire.plan("BatchGetItem", fault, times=2)
    assert waited(table, FakeClock()) == pytest.approx(0.5 + 0.65)


def test_a_job_that_is_not_there_is_waited_for_in_vain(table: Table) -> None:
    assert waited(table, FakeClock(), "nothing", 3) == pytest.approx(3)


def test_an_older_reading_that_comes_in_late_does_not_reopen_a_job(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one waiter's reading is on its way, the job ends, and another waiter reads that."""
    begin(table, "one")
    clock = FakeClock()
    open_jobs = OpenJobs(table, clock)
    key, read = keys.job(USER, "one"), store.read_open

    def slow(table: Table, job_keys: Sequence[Key]) -> dict[Key, bool]:
        monkeypatch.setattr(store, "read_open", read)
        older = read(table, job_keys)
        end(table, "one")
        clock.advance(1)
        open_jobs._refresh(second)
        return older

    with open_jobs._waiting(key) as first, open_jobs._waiting(key) as second:
        clock.advance(1)
        first.due_at = second.due_at = clock.monotonic()
        monkeypatch.setattr(store, "read_open", slow)
        open_jobs._refresh(first)
        assert (first.is_open, second.is_open) == (False, False)


def test_many_that_wait_at_once_read_together_and_each_learns_of_its_own_job(
    table: Table, wire: Wire
) -> None:
    names = [f"job-{number}" for number in range(60)]
    begin(table, *names)
    wire.calls.clear()
    open_jobs, clock = OpenJobs(table, SystemClock()), SystemClock()

    def wait(name: str) -> float:
        started = clock.monotonic()
        open_jobs.wait(USER, name, 60 if name in names[:5] else 4)
        return clock.monotonic() - started

    with ThreadPoolExecutor(len(names)) as executor:
        waits = [executor.submit(wait, name) for name in names]
        clock.sleep(0.2)
        for name in names[:5]:
            end(table, name)
        seconds = [wait.result() for wait in waits]
    assert max(seconds[:5]) < 60
    assert min(seconds[5:]) >= 4
    reads = wire.calls.count("BatchGetItem")
    assert len(names) * 3 // MAX_TOGETHER <= reads < len(names) * 5 / 2, (
        "each would read five times"
    )
