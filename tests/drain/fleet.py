"""Web processes and workers behind the balancer, replaced as a deployment does it: the new ones are up before the old ones go."""

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.clock import SystemClock
from service.local.child import Child, Program
from service.local.watchdog import Watchdog
from tests.drain.balancer import Balancer

UP_SECONDS = 600.0
# The platform's stop time-out: then it kills.
STOP_SECONDS = 60.0
WORKER_STOP_SECONDS = 45.0
_LOOK_SECONDS = 0.3
_ABANDONED_SECONDS = 1.0
_LINES = 400
_WEB = (sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py")
_WORKER = (sys.executable, "-m", "service.worker")


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
    """`size` web processes and as many workers; there are two `ports` for each web process, one for its successor."""

    def __init__(
        self,
        balancer: Balancer,
        ports: Sequence[int],
        size: int,
        environment: Mapping[str, str],
        watchdog: Watchdog,
    ) -> None:
        self._balancer = balancer
        self._watchdog = watchdog
        self._environment = environment
        self._free = deque(ports)
        self._size = size
        self._running: list[tuple[int, Child]] = []
        self._clock = SystemClock()
        self.stops: list[Stop] = []
        self.lines: deque[str] = deque(maxlen=_LINES)

    def start(self) -> None:
        """Returns once the balancer sends requests to each, and to no other. Raises `TimeoutError`."""
        self._running = self._newcomers()
        wanted = {port for port, _ in self._running if port}
        self._await(lambda: self._balancer.up() == wanted, "the balancer knows who is there")

    def deploy(self) -> None:
        """As a platform does it that may double its tasks for a while: all new ones come up, then all old ones are told to go.

        The balancer is not told; it has to see it for itself. Raises `TimeoutError`.
        """
        old, self._running = self._running, self._newcomers()
        self._retire(old)

    def stop(self) -> None:
        """Ends all of it."""
        self._retire(self._running)
        self._running = []

    def _newcomers(self) -> list[tuple[int, Child]]:
        """Web processes, each with its port, that the balancer sends requests to, and workers, with port 0."""
        found = []
        for _ in range(self._size):
            found.append((0, self._launch(Program("worker", _WORKER, self._environment, WORKER_STOP_SECONDS))))
            port = self._free.popleft()
            environment = {**self._environment, "PORT": str(port)}
            found.append((port, self._launch(Program("web", _WEB, environment, STOP_SECONDS))))
        ports = {port for port, _ in found if port}
        try:
            self._await(lambda: ports <= self._balancer.up(), "the new web processes are ready")
        except TimeoutError:
            self._retire(found)
            raise
        return found

    def _retire(self, leaving: Sequence[tuple[int, Child]]) -> None:
        """All at once: SIGTERM, and SIGKILL to what does not end in its time."""
        with ThreadPoolExecutor(max(1, len(leaving))) as executor:
            list(executor.map(self._end, [child for _, child in leaving]))
        self._free.extend(port for port, _ in leaving if port)

    def _end(self, child: Child) -> None:
        before = self._clock.monotonic()
        child.stop()
        self._watchdog.remove(child.pid)
        self.stops.append(Stop(child.program.name, self._clock.monotonic() - before, child.ending))

    def _launch(self, program: Program) -> Child:
        child = Child(program, self.lines.append)
        self._watchdog.add(child.pid, _ABANDONED_SECONDS)
        return child

    def _await(self, happens: Callable[[], bool], what: str) -> None:
        deadline = self._clock.monotonic() + UP_SECONDS
        while not happens():
            if self._clock.monotonic() > deadline:
                raise TimeoutError(f"not within {UP_SECONDS:g} s: {what}; the balancer knows {self._balancer.up()}")
            self._clock.sleep(_LOOK_SECONDS)
