"""Waiting for work ends in time, whatever the work does."""

import threading
from collections.abc import Callable

import pytest

from service.core.deadlines import DeadlineExceeded, Deadlines


def test_work_that_ends_in_time_returns_or_raises_as_it_does() -> None:
    deadlines = Deadlines(1)
    assert deadlines.run(lambda: 5, 60) == 5
    with pytest.raises(ZeroDivisionError):
        deadlines.run(lambda: 1 // 0, 60)
    assert deadlines.run(lambda: 6, 60) == 6


def test_work_that_takes_longer_goes_on_and_takes_its_place_meanwhile() -> None:
    deadlines, released, done = Deadlines(1), threading.Event(), threading.Event()

    def work() -> None:
        released.wait(60)
        done.set()

    with pytest.raises(DeadlineExceeded):
        deadlines.run(work, 0.05)
    with pytest.raises(DeadlineExceeded):
        deadlines.run(lambda: 5, 60)
    released.set()
    assert done.wait(60)


def test_a_deadline_that_has_passed_begins_nothing() -> None:
    begun = list[int]()
    with pytest.raises(DeadlineExceeded):
        Deadlines(1).run(lambda: begun.append(1), 0)
    assert begun == []


def test_a_thread_that_cannot_be_had_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    deadlines = Deadlines(1)
    with monkeypatch.context() as patched:
        patched.setattr("service.core.deadlines.in_thread", none_left)
        with pytest.raises(DeadlineExceeded):
            deadlines.run(lambda: 5, 60)
    assert deadlines.run(lambda: 5, 60) == 5
