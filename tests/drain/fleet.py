"""Web processes, relays and workers behind the balancer, replaced as a deployment does it: the new
ones are up before the old ones go."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.core.clock import SystemClock
from tests.drain.balancer import Balancer
from tests.stack.launcher import CLEAN, Launcher, Replaceable

UP_SECONDS = 600.0
PORT_SETTINGS = {"web": "PORT", "relay": "LIVE_PORT"}
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
    """`size` web processes, and as many relays and workers; there are two ports for each web
    process and each relay, one for its successor. `delay_seconds` is how long the balancer lets
    what is under way go on."""

    def __init__(
        self,
        balancer: Balancer,
        ports: Mapping[str, Sequence[int]],
        size: int,
        settings: Mapping[str, str],
        launcher: Launcher,
        delay_seconds: float,
    ) -> None:
        self._balancer = balancer
        self._launcher = launcher
        self._settings = settings
        self._free = {name: deque(found) for name, found in ports.items()}
        self._size = size
        self._delay_seconds = delay_seconds
        self._running: list[tuple[int, Replaceable]] = []
        self._clock = SystemClock()
        self.stops: list[Stop] = []

    def start(self) -> None:
        """Returns once the balancer sends requests to each, and to no other. Raises
        `TimeoutError`."""
        self._running = self._newcomers()
        wanted = {port for port, _ in self._running if port}
        self._await(lambda: self._balancer.up() == wanted, "the balancer knows who is there")

    def deploy(self, *, is_announced: bool) -> None:
        """As a platform does it that may double its tasks for a while: all new ones come up, then
        all old ones are stopped.

        Announced, the balancer lets go of the old ones first, and cuts what is not over after its
        delay, as when a service is deployed. Otherwise it has to notice by its own health checks,
        as when the platform needs the place. Raises `TimeoutError`.
        """
        old, self._running = self._running, self._newcomers()
        if is_announced:
            self._let_go([port for port, _ in old if port])
        self._retire(old)

    def stop(self) -> None:
        """Ends all of it."""
        self._retire(self._running)
        self._running = []

    def _let_go(self, ports: Sequence[int]) -> None:
        for port in ports:
            self._balancer.deregister(port)
        self._clock.sleep(self._delay_seconds)
        for port in ports:
            self._balancer.cut(port)

    def _newcomers(self) -> list[tuple[int, Replaceable]]:
        """Web processes and relays, each with its port, that the balancer sends requests to, and
        workers, with port 0."""
        found = [(0, self._launcher.launch("worker", self._settings)) for _ in range(self._size)]
        for name, free in self._free.items():
            for port in [free.popleft() for _ in range(self._size)]:
                self._balancer.register(port)
                settings = {**self._settings, PORT_SETTINGS[name]: str(port)}
                found.append((port, self._launcher.launch(name, settings)))
        ports = {port for port, _ in found if port}
        try:
            self._await(lambda: ports <= self._balancer.up(), "the new processes are ready")
        except TimeoutError:
            self._retire(found)
            raise
        return found

    def _retire(self, leaving: Sequence[tuple[int, Replaceable]]) -> None:
        """All at once: SIGTERM, and SIGKILL to what does not end in its time."""
        with ThreadPoolExecutor(max(1, len(leaving))) as executor:
            list(executor.map(self._end, [each for _, each in leaving]))
        for port, each in leaving:
            if port:
                self._free[each.name].append(port)

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
