"""The interface of background work, and the loop that runs it."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import structlog

from service.core.errors import FareboxError
from service.core.metrics import Metric, Metrics, NoMetrics

log = structlog.get_logger()

# Where requests are served, a table out of reach already counts by those that fail.
_UNCOUNTED = NoMetrics()


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


def run_until(stop: threading.Event, sweep: Sweep, metrics: Metrics = _UNCOUNTED) -> None:
    """Run after run; at once again while there is more, else after the interval. A run that fails
    counts as a refusal by its code."""
    while not stop.is_set():
        more = False
        try:
            more = sweep.run_once()
        except FareboxError as error:
            log.warning("sweep_failed", sweep=sweep.name, reason=error.code)
            metrics.count(Metric.REFUSALS, code=error.code)
        except Exception:
            log.exception("sweep_crashed", sweep=sweep.name)
        if not more:
            stop.wait(sweep.interval_seconds)


def run_in_background(sweeps: Iterable[Sweep]) -> None:
    """Starts a thread for each, which ends with the process."""
    never = threading.Event()
    for sweep in sweeps:
        threading.Thread(
            target=run_until, args=(never, sweep), name=sweep.name, daemon=True
        ).start()
