"""The interface of background work."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol


class Sweep(Protocol):
    """One kind of background work: bounded batches, safe to run twice and side by side."""

    @property
    def name(self) -> str: ...

    @property
    def interval_seconds(self) -> float:
        """The pause after a run that found nothing more to do."""
        ...

    def run_once(self) -> bool:
        """Does one batch. Returns whether there is more to do at once."""
        ...


@dataclass(frozen=True)
class Background:
    """What the process provides to sweeps: a thread pool by name and size, and whether the process
    is stopping."""

    pool: Callable[[str, int], Executor]
    stopping: Callable[[], bool] = lambda: False
