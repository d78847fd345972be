"""Web processes and workers behind the balancer, replaced as a deployment does it: the new ones are
up before the old ones go."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.core.clock import SystemClock
from tests.drain.balancer import Balancer
from tests.stack.launcher import CLEAN, Launcher, Replaceable

UP_SECONDS = 600.0
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Stop:
    """How one of them went: its name, how long it took, and how it ended (`CLEAN` is as it should
    be)."""

    name: str
    seconds: float
    ending: str

    @property
    def clean(self) -> bool:
        return self.ending == CLEAN


class Fleet:
    """`size` web processes and as many workers; there are two `ports` for each web process, one for
    its successor."""

    def __init__(
        self,
        balancer: Balancer,
        ports: Sequence[int],
        size: int,
        settings: Mapping[str, str],
        launcher: Launcher,
    ) -> None:
        self._balancer = balancer
        self._launcher = launcher
        self._settings = settings
        self._free = deque(ports)
        self._size = size
        self._running: list[tuple[int, Replaceable]] = []
        self._clock = SystemClock()
        self.stops: list[Stop] = []

    def start(self) -> None:
        """Returns once the balancer sends requests to each, and to no other. Raises
        `TimeoutError`."""
        self._running = self._newcomers()
        wanted = {port for port, _ in self._running if port}
        self._await(lambda: self._balancer.up() == wanted, "the balancer knows who is there")

    def deploy(self) -> None:
        """As a platform does it that may double its tasks for a while: all new ones come up, then
        all old ones are stopped.

        The balancer has to notice by its own health checks. Raises `TimeoutError`.
        """
        old, self._running = self._running, self._newcomers()
        self._retire(old)

    def stop(self) -> None:
        """Ends all of it."""
        self._retire(self._running)
        self._running = []

    def _newcomers(self) -> list[tuple[int, Replaceable]]:
        """Web processes, each with its port, that the balancer sends requests to, and workers, with
        port 0."""
        ports = [self._free.popleft() for _ in range(self._size)]
        found = [(0, self._launcher.launch("worker", self._settings)) for _ in ports]
        found += [
            (port, self._launcher.launch("web", {**self._settings, "PORT": str(port)}))
            for port in ports
        ]
        try:
            self._await(
                lambda: set(ports) <= self._balancer.up(), "the new web processes are ready"
            )
        except TimeoutError:
            self._retire(found)
            raise
        return found

    def _retire(self, leaving: Sequence[tuple[int, Replaceable]]) -> None:
        """All at once: SIGTERM, and SIGKILL to what does not end in its time."""
        with ThreadPoolExecutor(max(1, len(leaving))) as executor:
            list(executor.map(self._end, [each for _, each in leaving]))
        self._free.extend(port for port, _ in leaving if port)

    def _end(self, leaving: Replaceable) -> None:
        before = self._clock.monotonic()
        ending = leaving.stop()
        self.stops.append(Stop(leaving.name, self._clock.monotonic() - before, ending))

    def _await(self, happens: Callable[[], bool], what: str) -> None:
        deadline = self._clock.monotonic() + UP_SECONDS
        while not happens():
            if self._clock.monotonic() > deadline:
                raise TimeoutError(
                    f"not within {UP_SECONDS:g} s: {what}; the balancer knows {self._balancer.up()}"
                )
            self._clock.sleep(_POLL_SECONDS)
