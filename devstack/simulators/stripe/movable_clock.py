"""Stripe's time: the simulators' clock, which can be moved forward, and what is due by it."""

import heapq
import itertools
from collections.abc import Callable

from service.core.clock import Clock

MAX_ADVANCE_SECONDS = 10 * 366 * 86_400

Action = Callable[[], object]


class MovableClock:
    """Seconds since the epoch. Work that is due runs in `catch_up`, in order, and takes its own due
    time for the present. Not thread-safe: the account's lock protects it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_seconds = 0
        self._working_at: int | None = None
        self._due: list[tuple[int, int, Action]] = []
        self._order = itertools.count()

    def now(self) -> int:
        """The present: what is moved ahead included."""
        return self._present() if self._working_at is None else self._working_at

    def wall_seconds(self) -> int:
        """The simulators' own time, which the receiver of a webhook compares."""
        return self._clock.now() // 1000

    def schedule(self, at: int, action: Action) -> None:
        """Runs the action once at that time."""
        heapq.heappush(self._due, (at, next(self._order), action))

    def advance(self, seconds: int) -> None:
        """Moves the time forward and does everything that is due by then. Raises `ValueError`
        outside 0 to 10 years."""
        if not 0 <= seconds <= MAX_ADVANCE_SECONDS:
            raise ValueError(f"the clock moves 0 to {MAX_ADVANCE_SECONDS} seconds at once")
        self._ahead_seconds += seconds
        self.catch_up()

    def catch_up(self) -> None:
        """Does what is due, what that makes due included."""
        if self._working_at is not None:
            return
        try:
            while self._due and self._due[0][0] <= self._present():
                at, _, action = heapq.heappop(self._due)
                self._working_at = at
                action()
        finally:
            self._working_at = None

    @property
    def next_due_at(self) -> int | None:
        return self._due[0][0] if self._due else None

    def _present(self) -> int:
        return self.wall_seconds() + self._ahead_seconds
