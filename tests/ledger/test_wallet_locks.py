"""Turns: first in, first out, bounded, and never held by nobody."""

import threading
from collections.abc import Callable

import pytest

from service.ledger.entities import TooManyWaiting, WalletBusy
from service.ledger.wallet_locks import Turns


def start(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def until(found: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if found():
            return
        pause.wait(0.01)
    raise AssertionError("never came")


def waiting(turns: Turns) -> int:
    return sum(len(queue.waiting) for queue in turns._queues)


def test_a_free_turn_is_not_waited_for() -> None:
    turns = Turns(4)
    with turns.turn("u") as waited:
        assert not waited
    with turns.turn("u") as waited:
        assert not waited


def test_turns_come_in_the_order_they_were_asked_for() -> None:
    turns, order, threads = Turns(10), [], []

    def take(number: int) -> None:
        with turns.turn("u") as waited:
            order.append((number, waited))

    with turns.turn("u"):
        for number in range(5):
            threads.append(start(lambda number=number: take(number)))  # type: ignore[misc]
            until(lambda number=number: waiting(turns) == number + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join(5)
    assert order == [(number, True) for number in range(5)]


def test_beyond_the_bound_nobody_waits() -> None:
    turns = Turns(1)
    with turns.turn("u"):
        thread = start(lambda: turns.turn("u").__enter__())
        until(lambda: waiting(turns) == 1)
        with pytest.raises(TooManyWaiting), turns.turn("u"):
            pass
    thread.join(5)


def test_patience_ends_and_the_place_in_the_line_with_it() -> None:
    turns = Turns(4, patience_seconds=0.05)
    with turns.turn("u"), pytest.raises(WalletBusy), turns.turn("u"):
        pass
    with turns.turn("u") as waited:
        assert not waited


def test_a_turn_is_given_back_whatever_happens_in_it() -> None:
    turns = Turns(4)
    with pytest.raises(RuntimeError), turns.turn("u"):
        raise RuntimeError
    with turns.turn("u") as waited:
        assert not waited
