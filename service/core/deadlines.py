"""Waiting for work no longer than one's own caller waits. The work goes on all the same, so it must
be able to end without anyone."""

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from service.core.threads import in_thread

Result = TypeVar("Result")


class DeadlineExceeded(Exception):
    """The work has not ended in time, or too much of such work is going on."""


class Deadlines:
    """Runs work apart, at most `max_running` at once."""

    def __init__(self, max_running: int) -> None:
        self._places = threading.Semaphore(max_running)

    def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """What the work returns or raises. Raises `DeadlineExceeded` after so many seconds, and
        when the system has no thread left."""
        if seconds <= 0 or not self._places.acquire(blocking=False):
            raise DeadlineExceeded
        results, errors, ended = list[Result](), list[BaseException](), threading.Event()
        context = contextvars.copy_context()

        def apart() -> None:
            try:
                results.append(context.run(work))
            except BaseException as error:
                errors.append(error)
            finally:
                self._places.release()
                ended.set()

        try:
            in_thread(apart)
        except RuntimeError as error:
            self._places.release()
            raise DeadlineExceeded from error
        if not ended.wait(seconds):
            raise DeadlineExceeded
        if errors:
            raise errors[0]
        return results[0]
