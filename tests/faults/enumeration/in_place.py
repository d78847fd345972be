"""What a process does in threads, done at once in the thread of the run."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


def at_once(act: Callable[[], None]) -> None:
    act()


class InPlace(Executor):
    """Runs what it is given at once, in this thread."""

    def submit(self, act: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(act(*arguments, **named))
        return future


class OneRound:
    """Stops a worker after its first round."""

    def __init__(self) -> None:
        self._over = False

    def is_set(self) -> bool:
        return self._over

    def wait(self, seconds: float) -> None:
        self._over = True
