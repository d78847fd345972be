"""Limits on how often something may happen, per process. They reduce load; safety never depends on
them."""

import threading
from collections import OrderedDict, deque

from service.core.clock import Clock

MAX_NAMES = 10_000


class Window:
    """At most `limit` times in any `seconds` for each name. Remembers the latest 10,000 names, each
    until its last call leaves the window."""

    def __init__(self, limit: int, seconds: float, clock: Clock) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._guard = threading.Lock()
        # In the order of their last call.
        self._calls: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, name: str) -> bool:
        """Counts one more call, and returns whether it is within the limit."""
        return self.wait_seconds(name) == 0

    def wait_seconds(self, name: str) -> float:
        """Counts one more call if it is within the limit. Returns 0 then, and otherwise after how
        many seconds one will be."""
        now = self._clock.monotonic()
        with self._guard:
            times = self._calls.setdefault(name, deque())
            self._calls.move_to_end(name)
            while times and now - times[0] >= self._seconds:
                times.popleft()
            self._forget(now)
            if len(times) >= self._limit:
                return self._seconds - (now - times[0])
            times.append(now)
            return 0

    def _forget(self, now: float) -> None:
        """Drops the name that was called least recently, if there are too many or its calls have
        all left the window. At most one is added at a time, so that one at a time is enough; a
        second one shortens what an attack has left."""
        for _ in range(2):
            times = next(iter(self._calls.values()))
            is_over = not times or now - times[-1] >= self._seconds
            if len(self._calls) <= MAX_NAMES and not (is_over and len(self._calls) > 1):
                return
            self._calls.popitem(last=False)
