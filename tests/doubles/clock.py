"""A clock that stands until a test moves it; sleeping moves it."""

import threading


class FakeClock:
    def __init__(self, now: int = 1_790_000_000_000) -> None:
        self._guard = threading.Lock()
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._guard:
            self._now += round(seconds * 1000)
            self._monotonic += seconds

    def set(self, now: int) -> None:
        """Back, too."""
        with self._guard:
            self._now = now
