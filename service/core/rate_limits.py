"""Limits on how often something may happen, per process. They reduce load; safety never depends on
them."""

import threading
from collections import OrderedDict, deque

from service.core.clock import Clock

MAX_NAMES = 10_000


class Window:
    """At most `limit` times in any `seconds` for each name. Remembers the latest 10,000 names."""

    def __init__(self, limit: int, seconds: float, clock: Clock) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._guard = threading.Lock()
        self._calls: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, name: str) -> bool:
        """Counts one more call, and returns whether it is within the limit."""
        now = self._clock.monotonic()
        with self._guard:
            times = self._calls.setdefault(name, deque())
            self._calls.move_to_end(name)
            while times and now - times[0] >= self._seconds:
                times.popleft()
            if len(self._calls) > MAX_NAMES:
                self._calls.popitem(last=False)
            if len(times) >= self._limit:
                return False
            times.append(now)
            return True
