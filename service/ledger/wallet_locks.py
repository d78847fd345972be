"""One wallet write at a time per user in this process, first in, first out.

Safety never rests on this (the wallet's version does). It spares a contended wallet the retries,
and starves nobody."""

import threading
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from service.ledger.entities import TooManyWaiting, WalletBusy

STRIPES = 256


class _Queue:
    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.busy = False
        self.waiting: deque[threading.Event] = deque()


class WalletLocks:
    """At most `max_waiting` threads wait for one stripe, each at most `wait_limit_seconds`."""

    def __init__(self, max_waiting: int, wait_limit_seconds: float = 30.0) -> None:
        self._max_waiting = max_waiting
        self._wait_limit_seconds = wait_limit_seconds
        self._queues = [_Queue() for _ in range(STRIPES)]

    @contextmanager
    def locked(self, user_id: str) -> Iterator[bool]:
        """Holds the user's lock; yields whether it had to be waited for. Raises `TooManyWaiting` or
        `WalletBusy`."""
        queue = self._queues[zlib.crc32(user_id.encode()) % STRIPES]
        waited = self._enter(queue)
        try:
            yield waited
        finally:
            self._leave(queue)

    def _enter(self, queue: _Queue) -> bool:
        with queue.guard:
            if not queue.busy:
                queue.busy = True
                return False
            if len(queue.waiting) >= self._max_waiting:
                raise TooManyWaiting
            mine = threading.Event()
            queue.waiting.append(mine)
        if not mine.wait(self._wait_limit_seconds):
            self._abandon(queue, mine)
        return True

    def _abandon(self, queue: _Queue, mine: threading.Event) -> None:
        """Leaves the queue, unless the lock was passed on at the very last moment."""
        with queue.guard:
            if mine.is_set():
                return
            queue.waiting.remove(mine)
        raise WalletBusy

    def _leave(self, queue: _Queue) -> None:
        with queue.guard:
            if queue.waiting:
                queue.waiting.popleft().set()
            else:
                queue.busy = False
