"""Wallet locks: first in, first out, bounded, and never left locked."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event

from service.core import fifo_gate
from service.ledger.entities import TooManyWaiting, WalletBusy
from service.ledger.wallet_locks import WalletLocks
from tests.doubles.eventually import eventually


def start(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def waiting(wallet_locks: WalletLocks) -> int:
    return sum(gate.waiting for gate in wallet_locks._gates)


def test_a_free_lock_is_not_waited_for() -> None:
    wallet_locks = WalletLocks(4)
    with wallet_locks.locked("u") as waited:
        assert not waited
    with wallet_locks.locked("u") as waited:
        assert not waited


@pytest.mark.protocol("fair-lock")
def test_locks_are_taken_in_the_order_of_the_requests() -> None:
    wallet_locks, order, threads = WalletLocks(10), [], []

    def take(number: int) -> None:
        with wallet_locks.locked("u") as waited:
            order.append((number, waited))

    with wallet_locks.locked("u"):
        for number in range(5):
            threads.append(start(lambda number=number: take(number)))  # type: ignore[misc]
            eventually(lambda number=number: waiting(wallet_locks) == number + 1)
    for thread in threads:
        thread.join(60)
    assert order == [(number, True) for number in range(5)]


@pytest.mark.protocol("fair-lock")
def test_beyond_the_bound_no_one_waits() -> None:
    wallet_locks = WalletLocks(1)
    with wallet_locks.locked("u"):
        thread = start(lambda: wallet_locks.locked("u").__enter__())
        eventually(lambda: waiting(wallet_locks) == 1)
        with pytest.raises(TooManyWaiting), wallet_locks.locked("u"):
            pass
    thread.join(60)


def test_the_wait_limit_ends_the_wait_and_frees_the_place_in_the_queue() -> None:
    wallet_locks = WalletLocks(4, wait_limit_seconds=0.05)
    with wallet_locks.locked("u"), pytest.raises(WalletBusy), wallet_locks.locked("u"):
        pass
    with wallet_locks.locked("u") as waited:
        assert not waited


def test_a_lock_is_released_whatever_happens_under_it() -> None:
    wallet_locks = WalletLocks(4)
    with pytest.raises(RuntimeError), wallet_locks.locked("u"):
        raise RuntimeError
    with wallet_locks.locked("u") as waited:
        assert not waited


def test_a_greenlet_killed_while_it_waits_leaves_no_lock_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It dies after the lock was passed on to it and before it runs again."""
    threads = SimpleNamespace(Lock=threading.Lock, Event=Event)
    monkeypatch.setattr(fifo_gate, "threading", threads)
    wallet_locks = WalletLocks(4, wait_limit_seconds=60)

    def take() -> None:
        with wallet_locks.locked("u"):
            pass

    with wallet_locks.locked("u"):
        waiter = gevent.spawn(take)
        gevent.sleep(0)
        assert waiting(wallet_locks) == 1
        waiter.kill(block=False)
    waiter.join()
    with wallet_locks.locked("u") as waited:
        assert not waited
