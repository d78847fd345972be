"""The real clock, but pauses end at once: for tests over real sockets."""

import threading

from service.core.clock import SystemClock


class QuickClock(SystemClock):
    def __init__(self, max_pause_seconds: float = 0.01) -> None:
        self._max_pause_seconds = max_pause_seconds

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, self._max_pause_seconds))


class MovedClock(QuickClock):
    """Is ahead by what a test says, and by a step more after each reading of `monotonic`: a time
    limit of a minute is over at once, and not because the machine was busy."""

    ahead = 0.0
    step = 0.0

    def monotonic(self) -> float:
        self.ahead += self.step
        return super().monotonic() + self.ahead
