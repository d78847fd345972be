"""The real clock, run faster: a minute of the protocol in a few seconds of a test."""

import threading
import time

from service.core.clock import SystemClock

# Each sweep of the worker reads the clock ten times a second. A longer gap means that this process
# had no processor: counted in full, it would be the end of a deadline of the service.
_MAX_GAP_SECONDS = 0.1


class FastClock(SystemClock):
    """Starts at the present and runs `speed` times as fast; sleeping takes that much less. While
    the process stands still, so does the clock."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started_at = super().now()
        self._started = self._read_at = super().monotonic()
        self._passed_seconds = 0.0
        self._guard = threading.Lock()

    def now(self) -> int:
        return self._started_at + int(self._passed() * 1000)

    def monotonic(self) -> float:
        return self._started + self._passed()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)

    def _passed(self) -> float:
        """The seconds since the start, on this clock."""
        with self._guard:
            read_at = super().monotonic()
            self._passed_seconds += min(read_at - self._read_at, _MAX_GAP_SECONDS) * self._speed
            self._read_at = read_at
            return self._passed_seconds
