"""How fast simulated work progresses."""

import math
import threading

from service.core.clock import Clock

MAX_SPEED = 1_000_000.0


class TimeScale:
    """Simulated time, which passes `factor` times as fast as the clock. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._factor = 1.0
        self._passed_seconds = 0.0
        self._since = clock.monotonic()

    @property
    def factor(self) -> float:
        with self._lock:
            return self._factor

    def passed_seconds(self) -> float:
        """Simulated seconds since the start; never decreases."""
        with self._lock:
            return self._at(self._clock.monotonic())

    def change(self, factor: float) -> None:
        """Sets the simulated seconds per second from this moment; 0 stops simulated time.

        Raises `ValueError` outside 0 to 1,000,000.
        """
        if not (math.isfinite(factor) and 0 <= factor <= MAX_SPEED):
            raise ValueError(f"speed must be a number from 0 to {MAX_SPEED:.0f}")
        with self._lock:
            now = self._clock.monotonic()
            self._passed_seconds, self._since, self._factor = self._at(now), now, factor

    def _at(self, now: float) -> float:
        return self._passed_seconds + (now - self._since) * self._factor
