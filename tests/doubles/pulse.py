"""Time as a process has it on a busy machine, which may stand still for seconds.

A test of real processes is right about time only while they run: whoever is stopped for three
seconds misses what it has one for."""

import functools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec

BEAT_SECONDS = 0.05
MAX_TRIES = 5

Arguments = ParamSpec("Arguments")


class Pulse:
    """Beats in a thread of its own while its block runs."""

    def __init__(self) -> None:
        self._ran = 0.0
        self._beat_at = time.monotonic()
        self._max_pause = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def seconds(self) -> float:
        """For how long this process has run: two beats at most between one and the next."""
        return self._ran

    @property
    def max_pause(self) -> float:
        """For how long it stood still at most, in seconds."""
        return max(self._max_pause, time.monotonic() - self._beat_at) - BEAT_SECONDS

    def _run(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            now = time.monotonic()
            passed, self._beat_at = now - self._beat_at, now
            self._ran += min(passed, 2 * BEAT_SECONDS)
            self._max_pause = max(self._max_pause, passed)

    def __enter__(self) -> "Pulse":
        self._beat_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


def unless_paused(
    seconds: float,
) -> Callable[[Callable[Arguments, None]], Callable[Arguments, None]]:
    """For a test whose failure says nothing if this process stood still for longer than that
    meanwhile: it is begun anew then, a few times. Any other failure counts at once."""

    def decorate(test: Callable[Arguments, None]) -> Callable[Arguments, None]:
        @functools.wraps(test)
        def tried(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
            for left in reversed(range(MAX_TRIES)):
                with Pulse() as pulse:
                    try:
                        test(*arguments, **named)
                    except Exception:
                        if not left or pulse.max_pause <= seconds:
                            raise
                    else:
                        return

        return tried

    return decorate
