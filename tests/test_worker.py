"""The worker runs every sweep at its own interval, and no sweep waits for another."""

import threading
from collections.abc import Callable

import pytest

from service.core.errors import Unavailable
from service.core.metrics import Metric, NoMetrics
from service.core.sweep import run_until
from service.worker import background, run_all

WAIT_SECONDS = 60.0


class ScriptedSweep:
    """Does as the test says, run after run."""

    name = "scripted"

    def __init__(self, act: Callable[[int], bool], interval_seconds: float = 0.0) -> None:
        self.interval_seconds = interval_seconds
        self.runs = 0
        self._act = act

    def run_once(self) -> bool:
        self.runs += 1
        return self._act(self.runs)


def test_a_sweep_that_hangs_delays_no_other() -> None:
    stop, released = threading.Event(), threading.Event()

    def hang(_: int) -> bool:
        return released.wait(WAIT_SECONDS)

    def finish(run: int) -> bool:
        if run == 3:
            stop.set()
            released.set()
        return False

    hanging, quick = ScriptedSweep(hang), ScriptedSweep(finish)
    run_all(stop, [hanging, quick], NoMetrics())
    assert (hanging.runs, quick.runs) == (1, 3)


def test_all_sweeps_have_finished_their_run_when_it_returns() -> None:
    stop, finished = threading.Event(), []

    def slow(_: int) -> bool:
        stop.wait(WAIT_SECONDS)
        finished.append(True)
        return True

    def stopping(_: int) -> bool:
        stop.set()
        return False

    run_all(stop, [ScriptedSweep(slow), ScriptedSweep(stopping)], NoMetrics())
    assert finished == [True]


@pytest.mark.parametrize("error", [Unavailable(), ZeroDivisionError()], ids=["known", "unknown"])
def test_a_sweep_goes_on_after_an_error(error: Exception) -> None:
    stop = threading.Event()

    def fail_first(run: int) -> bool:
        if run == 1:
            raise error
        stop.set()
        return False

    sweep = ScriptedSweep(fail_first)
    run_until(stop, sweep)
    assert sweep.runs == 2


class Codes(NoMetrics):
    def __init__(self) -> None:
        self.counted: list[tuple[Metric, str]] = []

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        self.counted.append((metric, dimensions["code"]))


def test_a_run_that_fails_counts_by_its_code() -> None:
    """Without it a worker that cannot reach the table sets no alarm off but by its silence."""
    stop, codes = threading.Event(), Codes()

    def fail_twice(run: int) -> bool:
        if run < 3:
            raise Unavailable
        stop.set()
        return False

    run_all(stop, [ScriptedSweep(fail_twice)], codes)
    assert codes.counted == [(Metric.REFUSALS, Unavailable.code)] * 2


def test_a_sweep_with_more_to_do_does_not_wait_for_its_interval() -> None:
    stop = threading.Event()

    def more(run: int) -> bool:
        if run == 3:
            stop.set()
        return True

    sweep = ScriptedSweep(more, interval_seconds=3600.0)
    run_until(stop, sweep)
    assert sweep.runs == 3


def test_each_sweep_has_a_pool_of_its_own_which_finishes_before_the_block_ends() -> None:
    done = []
    with background(lambda: False) as lent:
        first, second = lent.pool("first", 1), lent.pool("second", 1)
        assert first is not second
        started = threading.Event()
        first.submit(lambda: (started.wait(WAIT_SECONDS), done.append("first")))
        second.submit(started.set)
    assert done == ["first"]
