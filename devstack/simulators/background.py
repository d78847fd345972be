"""The one background thread: it runs delayed actions and advances simulated time."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from service.core.clock import Clock

MAX_WAITING = 10_000
_TICK_SECONDS = 0.02
_STOP_SECONDS = 0.5

Action = Callable[[], object]


class Background:
    """Runs delayed actions when they are due, and tick actions about fifty times a second. Logs
    an action that fails.

    Actions must be short: they share one thread.
    """

    def __init__(self, clock: Clock, logger: logging.Logger) -> None:
        self._clock = clock
        self._logger = logger
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._ticks: list[Action] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulators-background", daemon=True)

    def every_tick(self, action: Action) -> None:
        """Runs the action on every tick. Call it before `start`."""
        self._ticks.append(action)

    def later(self, seconds: float, action: Action) -> bool:
        """Runs the action in `seconds`. Returns False, and will not run it, if 10,000 actions are
        waiting."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                return False
            heapq.heappush(
                self._waiting, (self._clock.monotonic() + seconds, next(self._order), action)
            )
            return True

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns within half a second; waiting actions are dropped."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            for action in [*self._due(), *self._ticks]:
                self._attempt(action)

    def _due(self) -> list[Action]:
        with self._lock:
            now, due = self._clock.monotonic(), []
            while self._waiting and self._waiting[0][0] <= now:
                due.append(heapq.heappop(self._waiting)[2])
            return due

    def _attempt(self, action: Action) -> None:
        try:
            action()
        except Exception:
            self._logger.exception("a background action of the simulators failed")
