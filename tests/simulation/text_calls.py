"""The threads of a process that make its calls for texts, as tasks of the world."""

import random
from collections.abc import Callable
from contextlib import suppress

from service.storage.table import StorageUnavailable
from service.text.runs import Runs
from service.text.sweeps import Cancellations
from tests.simulation.scheduler import Process, Scheduler


class TextCalls:
    """Runs each call in a task of its own, and next to them what ends those that their users
    cancel, as long as there are any."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        self._scheduler = scheduler
        self._process = process
        self._runs = Runs()
        self._cancellations: Cancellations | None = None
        self._is_watching = False

    def watch(self, runs: Runs, cancellations: Cancellations) -> None:
        self._runs = runs
        self._cancellations = cancellations

    def start(self, work: Callable[[], None]) -> None:
        parent = self._scheduler.running()
        rng = random.Random(parent.rng.getrandbits(64))
        self._scheduler.spawn(self._process, f"{parent.name} call", work, rng, 0.0)
        if not self._is_watching:
            self._is_watching = True
            rng = random.Random(parent.rng.getrandbits(64))
            self._scheduler.spawn(
                self._process, f"{self._process.name} cancellations", self._sweep, rng, 0.0
            )

    def _sweep(self) -> None:
        sweep = self._cancellations
        while sweep is not None and any(True for _ in self._runs):
            self._scheduler.sleep(sweep.interval_seconds * (0.5 + self._scheduler.chance()))
            with suppress(StorageUnavailable):
                sweep.run_once()
        self._is_watching = False
