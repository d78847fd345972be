"""Worker processes for proofs that kill them at random moments."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.stack.forked_workers import ForkedWorkers
from tests.stack.launcher import Killable


class Workers:
    """Worker processes that can be killed and are started again."""

    def __init__(self, launcher: ForkedWorkers, environment: dict[str, str]) -> None:
        self._launcher = launcher
        self._environment = environment
        self.running: list[Killable] = []

    def start(self) -> None:
        self.running.append(self._launcher.launch("worker", self._environment))

    def kill(self, rng: Random) -> None:
        victim = self.running.pop(rng.randrange(len(self.running)))
        victim.kill()
        victim.stop()


@contextmanager
def started(launcher: ForkedWorkers, environment: dict[str, str], count: int) -> Iterator[Workers]:
    workers = Workers(launcher, environment)
    try:
        for _ in range(count):
            workers.start()
        yield workers
    finally:
        for process in workers.running:
            process.kill()
            process.stop()
