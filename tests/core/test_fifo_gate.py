"""The gate: first in, first out, and no place lost, whatever ends a waiter.

The waiters are greenlets, which run only when another one waits: their order is certain."""

import threading
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event

from service.core import fifo_gate
from service.core.fifo_gate import FifoGate, QueueFull, WaitedTooLong


@pytest.fixture(autouse=True)
def _greenlets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fifo_gate, "threading", SimpleNamespace(Lock=threading.Lock, Event=Event))


def queued(gate: FifoGate, wait_limit_seconds: float = 60.0) -> gevent.Greenlet:
    """A greenlet that waits for its place, and keeps it."""
    before = gate.waiting
    waiter = gevent.spawn(gate.enter, wait_limit_seconds)
    gevent.sleep(0)
    assert gate.waiting == before + 1
    return waiter


def has_free_place(gate: FifoGate) -> bool:
    try:
        return not gate.enter(0)
    except WaitedTooLong:
        return False


def test_as_many_enter_as_there_are_places() -> None:
    gate = FifoGate(2)
    assert not gate.enter(0)
    assert not gate.enter(0)
    assert not has_free_place(gate)
    assert gate.waiting == 0
    gate.leave()
    assert has_free_place(gate)


def test_a_place_goes_to_those_that_wait_in_their_order() -> None:
    gate = FifoGate(1)
    gate.enter(0)
    waiters = [queued(gate) for _ in range(4)]
    for number, waiter in enumerate(waiters):
        gate.leave()
        assert waiter.get(timeout=30) is True
        assert [each.ready() for each in waiters] == [place <= number for place in range(4)]
    gate.leave()
    assert has_free_place(gate)


def test_a_newcomer_does_not_take_the_place_of_a_waiter_that_has_yet_to_wake() -> None:
    gate = FifoGate(1)
    gate.enter(0)
    waiter = queued(gate)
    gate.leave()
    assert not waiter.ready()
    assert not has_free_place(gate)
    assert waiter.get(timeout=30) is True


def test_beyond_the_bound_no_one_waits() -> None:
    gate = FifoGate(1, max_waiting=1)
    gate.enter(0)
    waiter = queued(gate)
    with pytest.raises(QueueFull):
        gate.enter(60)
    gate.leave()
    assert waiter.get(timeout=30) is True


def test_a_waiter_whose_time_is_over_leaves_the_queue() -> None:
    gate = FifoGate(1)
    gate.enter(0)
    waiter = queued(gate, wait_limit_seconds=0.001)
    with pytest.raises(WaitedTooLong):
        waiter.get(timeout=30)
    assert gate.waiting == 0
    gate.leave()
    assert has_free_place(gate)


def test_a_place_passed_on_as_the_time_ends_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = FifoGate(1)

    class LeftTooLate(Event):  # type: ignore[misc]
        def wait(self, timeout: float | None = None) -> bool:
            gate.leave()
            return False

    gate.enter(0)
    monkeypatch.setattr(fifo_gate.threading, "Event", LeftTooLate)
    assert gate.enter(60)
    gate.leave()
    assert has_free_place(gate)


def test_a_waiter_that_is_killed_leaves_the_queue() -> None:
    gate = FifoGate(1)
    gate.enter(0)
    killed, next_one = queued(gate), queued(gate)
    killed.kill()
    assert gate.waiting == 1
    gate.leave()
    assert next_one.get(timeout=30) is True


@pytest.mark.parametrize("others", [0, 1])
def test_a_waiter_that_is_killed_with_the_place_in_hand_passes_it_on(others: int) -> None:
    gate = FifoGate(1)
    gate.enter(0)
    killed, rest = queued(gate), [queued(gate) for _ in range(others)]
    killed.kill(block=False)
    gate.leave()
    killed.join()
    assert isinstance(killed.value, gevent.GreenletExit)
    for waiter in rest:
        assert waiter.get(timeout=30) is True
        gate.leave()
    assert has_free_place(gate)
