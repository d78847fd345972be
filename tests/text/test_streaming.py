"""The pace of a stream: what a client is sent, and when."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from service.jobs.entities import Job
from service.text.event_schemas import WRITE_PAUSE_SECONDS, run_events
from service.text.runs import MAX_BEHIND_CHARACTERS, MAX_OUTPUT_BYTES, Run, Runs
from service.text.sweeps import Cancellations
from service.text.verdicts import Stop
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import text_world, write


@pytest.fixture(scope="module")
def job() -> Job:
    return write(text_world(MemoryBehind(), MemoryBehind.name))


@pytest.fixture
def run(job: Job) -> Run:
    return Run(job, until=2000.0)


def body(job: Job) -> dict[str, object]:
    return {"jobId": job.job_id, "error": None}


def names(events: Iterator[str]) -> list[str]:
    return [event.split("\n")[0].removeprefix("event: ") for event in events]


def test_what_came_between_two_writes_is_sent_together(run: Run, job: Job) -> None:
    clock = FakeClock()
    stream = run_events(run, clock, body)
    run.add("a")
    assert [next(stream), next(stream)][1] == 'event: delta\ndata: {"text":"a"}\n\n'
    before = clock.monotonic()
    for letter in "bcd":
        run.add(letter)
    assert next(stream) == 'event: delta\ndata: {"text":"bcd"}\n\n'
    assert clock.monotonic() == pytest.approx(before + WRITE_PAUSE_SECONDS)
    run.finish(job)
    assert names(stream) == ["usage", "done"]


def test_a_silent_stream_is_kept_alive(run: Run, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.text.event_schemas.KEEP_ALIVE_SECONDS", 0.0)
    stream = run_events(run, FakeClock(), body)
    assert [next(stream), next(stream)] == [": keep-alive\n\n"] * 2
    run.finish(job)


def test_a_client_that_falls_behind_is_cut_off(run: Run) -> None:
    stream = run_events(run, FakeClock(), body)
    run.add("a")
    next(stream), next(stream)
    run.add("b" * (MAX_BEHIND_CHARACTERS + 1))
    with pytest.raises(ConnectionResetError):
        next(stream)


def test_a_vendor_that_never_stops_is_stopped(run: Run) -> None:
    run.add("a" * MAX_OUTPUT_BYTES)
    with pytest.raises(OverflowError):
        run.add("b")


def test_a_reader_waits_for_the_next_word(run: Run) -> None:
    reader: list[Any] = []
    thread = threading.Thread(target=lambda: reader.append(run.read(0, 30.0)))
    thread.start()
    run.add("a")
    thread.join(30)
    assert reader[0].text == "a"


def test_the_first_reason_to_stop_counts(run: Run, job: Job) -> None:
    run.end(Stop.CANCELLED)
    run.end(Stop.LIMIT)
    assert run.stop is Stop.CANCELLED
    other = Run(job, until=1.0)
    other.finish(job)
    other.end(Stop.LIMIT)
    assert other.stop is None


def test_a_draining_process_ends_its_calls_in_time(job: Job) -> None:
    world: ServiceHarness = text_world(MemoryBehind(), MemoryBehind.name)
    runs, draining, run = Runs(), [False], Run(job, until=2000.0)
    runs.add(run)
    sweep = Cancellations(world.jobs, runs, world.clock, lambda: draining[0], 20.0, 5.0)
    sweep.run_once()
    draining[0] = True
    sweep.run_once()
    world.clock.advance(19)
    sweep.run_once()
    assert run.stop is None
    world.clock.advance(1)
    sweep.run_once()
    assert run.stop is Stop.LIMIT
