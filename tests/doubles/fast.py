"""The real clock, run faster: a minute of the protocol in a few seconds of a test."""

import time

from service.core.clock import SystemClock


class FastClock(SystemClock):
    """Starts at the present and runs `speed` times as fast; sleeping takes that much less."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._now = super().now()
        self._monotonic = super().monotonic()

    def now(self) -> int:
        return self._now + int((super().monotonic() - self._monotonic) * 1000 * self._speed)

    def monotonic(self) -> float:
        return self._monotonic + (super().monotonic() - self._monotonic) * self._speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)
