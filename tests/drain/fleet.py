"""Web processes and a worker behind the balancer, replaced as a deployment does it: the new one is up before the old one goes."""

import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.clock import SystemClock
from service.local.child import Child, Program
from tests.drain.balancer import Balancer

UP_SECONDS = 240.0
# The platform's stop time-out: then it kills.
STOP_SECONDS = 60.0
WORKER_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.1
_LINES = 400


@dataclass(frozen=True)
class Stop:
    """How one process went: its name, how long it took, and how it ended (`exit code 0` is as it should be)."""

    name: str
    seconds: float
    ending: str

    @property
    def clean(self) -> bool:
        return self.ending == "exit code 0"


class Fleet:
    """`steady` web processes and one worker; `ports` has at least one more than that, for the newcomer."""

    def __init__(self, balancer: Balancer, ports: tuple[int, ...], steady: int, environment: Mapping[str, str]) -> None:
        self._balancer = balancer
        self._environment = environment
        self._free = deque(ports)
        self._steady = steady
        self._webs: deque[tuple[int, Child]] = deque()
        self._worker: Child | None = None
        self._clock = SystemClock()
        self.stops: list[Stop] = []
        self.lines: deque[str] = deque(maxlen=_LINES)

    def start(self) -> None:
        """Returns once the balancer sends requests to each, and to no other. Raises `TimeoutError`."""
        self._worker = self._new_worker()
        for _ in range(self._steady):
            self._new_web()
        wanted = {port for port, _ in self._webs}
        self._await(lambda: self._balancer.up() == wanted, "the balancer knows who is there")

    def replace(self) -> None:
        """A new web process and a new worker, then SIGTERM to the oldest web process and the old worker."""
        old_worker, self._worker = self._worker, self._new_worker()
        self._new_web()
        if old_worker:
            self._retire(old_worker)
        self._retire_oldest_web()

    def stop(self) -> None:
        """Ends all of it."""
        while self._webs:
            self._retire_oldest_web()
        if self._worker:
            self._retire(self._worker)

    def _new_web(self) -> None:
        port = self._free.popleft()
        environment = {**self._environment, "PORT": str(port)}
        command = (sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py")
        child = Child(Program("web", command, environment, STOP_SECONDS), self.lines.append)
        self._webs.append((port, child))
        self._await(lambda: not child.running or port in self._balancer.up(), "the new web process is ready")
        if not child.running:
            raise TimeoutError(f"a web process died at its start:\n{child.tail()}")

    def _new_worker(self) -> Child:
        """Its signal handler stands before it says that it has started; the web process takes longer anyway."""
        command = (sys.executable, "-m", "service.worker")
        return Child(Program("worker", command, self._environment, WORKER_STOP_SECONDS), self.lines.append)

    def _retire_oldest_web(self) -> None:
        port, child = self._webs.popleft()
        self._retire(child)
        self._free.append(port)

    def _retire(self, child: Child) -> None:
        before = self._clock.monotonic()
        child.stop()
        self.stops.append(Stop(child.program.name, self._clock.monotonic() - before, child.ending))

    def _await(self, happens: Callable[[], bool], what: str) -> None:
        deadline = self._clock.monotonic() + UP_SECONDS
        while not happens():
            if self._clock.monotonic() > deadline:
                raise TimeoutError(f"not within {UP_SECONDS:g} s: {what}; the balancer knows {self._balancer.up()}")
            self._clock.sleep(_LOOK_SECONDS)
