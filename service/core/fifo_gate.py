"""A gate with a fixed number of places: first in, first out.

A place that is left goes straight to the head of the queue. A semaphore makes it free instead,
and any newcomer takes it before the waiter that was woken gets to run; with gevent that waiter then
queues again behind all others."""

import threading
from collections import deque


class QueueFull(Exception):
    """As many wait already as may."""


class WaitedTooLong(Exception):
    """No place was left in time."""


class FifoGate:
    """Lets at most `places` in at once, while at most `max_waiting` wait (None: any number)."""

    def __init__(self, places: int, max_waiting: int | None = None) -> None:
        self._guard = threading.Lock()
        self._free = places
        self._max_waiting = max_waiting
        self._queue: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    def enter(self, wait_limit_seconds: float) -> bool:
        """Takes a place, which `leave` has to return. Returns whether it had to be waited for.
        Raises `QueueFull` or `WaitedTooLong`; then, and when whatever ends the caller is raised
        here, no place is taken."""
        with self._guard:
            if self._free:
                self._free -= 1
                return False
            if self._max_waiting is not None and len(self._queue) >= self._max_waiting:
                raise QueueFull
            mine = threading.Event()
            self._queue.append(mine)
        self._wait(mine, wait_limit_seconds)
        return True

    def leave(self) -> None:
        """Passes the place on."""
        with self._guard:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1

    def _wait(self, mine: threading.Event, wait_limit_seconds: float) -> None:
        try:
            mine.wait(wait_limit_seconds)
        except BaseException:
            # gevent raises `GreenletExit` or `Timeout` here, possibly after the place was passed
            # on: nothing else would ever return it.
            if not self._withdraw(mine):
                self.leave()
            raise
        if self._withdraw(mine):
            raise WaitedTooLong

    def _withdraw(self, mine: threading.Event) -> bool:
        """Leaves the queue. Returns False if the place has been passed on to it."""
        with self._guard:
            if mine.is_set():
                return False
            self._queue.remove(mine)
            return True
