"""A small supervisor: starts programs, relays what they print, starts again what dies, leaves
nothing behind."""

from dataclasses import dataclass
from threading import Event, RLock, Thread

from devstack.child import Child, Program
from devstack.restarts import RestartRule
from devstack.terminal import Terminal
from devstack.watchdog import Watchdog
from service.core.clock import Clock

_LOOK_SECONDS = 0.1


@dataclass
class _Post:
    """One program's place: its present process, its deaths so far (monotonic seconds), and when it
    starts again."""

    program: Program
    child: Child
    deaths: tuple[float, ...] = ()
    starts_at: float | None = None
    given_up: bool = False


class Supervisor:
    """Keeps programs running until `stop`.

    What dies is started again, as a container platform would; one that dies 5 times within a minute
    is given up and `failure` says so. Should this very process be killed, a watchdog process ends
    the programs in its place."""

    def __init__(self, terminal: Terminal, clock: Clock, rule: RestartRule | None = None) -> None:
        self._terminal = terminal
        self._clock = clock
        self._rule = rule or RestartRule()
        self._posts: list[_Post] = []
        self._guard = RLock()
        self._stopping = Event()
        self._watchdog: Watchdog | None = None
        self._looking: Thread | None = None
        self.failure = ""

    def start(self, program: Program) -> Child:
        """Starts a program now and keeps it running. The order of starting is the reverse order of
        stopping."""
        with self._guard:
            if self._watchdog is None:
                self._watchdog = Watchdog()
                self._looking = Thread(target=self._look_on, name="supervisor", daemon=True)
                self._looking.start()
            child = self._launch(program)
            self._posts.append(_Post(program, child))
            return child

    def tail(self, name: str) -> str:
        """The last lines that the program of this name printed."""
        with self._guard:
            return "\n".join(post.child.tail() for post in self._posts if post.program.name == name)

    def pids(self) -> dict[str, int]:
        """Program name -> process id of those that run."""
        with self._guard:
            return {post.program.name: post.child.pid for post in self._posts if post.child.running}

    def dead(self) -> tuple[str, ...]:
        """Names of the programs that have died at least once."""
        with self._guard:
            return tuple(
                post.program.name for post in self._posts if post.deaths or not post.child.running
            )

    def stop(self) -> None:
        """Stops all, last started first, each with as long as its program says; none of them runs
        when this returns."""
        self._stopping.set()
        if self._looking:
            self._looking.join()
        with self._guard:
            while self._posts:
                self._end(self._posts.pop())
            if self._watchdog:
                self._watchdog.close()
                self._watchdog = None

    def _end(self, post: _Post) -> None:
        if not post.child.stop():
            self._terminal.say(f"{post.program.name} did not stop when asked and was killed.")
        if self._watchdog:
            self._watchdog.remove(post.child.pid)

    def _launch(self, program: Program) -> Child:
        child = Child(program, self._terminal.relay(program.name), self._clock)
        if self._watchdog:
            self._watchdog.add(child.pid, program.stop_seconds)
        return child

    def _look_on(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            with self._guard:
                for post in self._posts:
                    self._look_at(post)

    def _look_at(self, post: _Post) -> None:
        now = self._clock.monotonic()
        if post.starts_at is not None:
            if now >= post.starts_at:
                post.child, post.starts_at = self._launch(post.program), None
        elif not post.child.running and not post.given_up:
            self._bury(post, now)

    def _bury(self, post: _Post, now: float) -> None:
        post.child.end_group()
        if self._watchdog:
            self._watchdog.remove(post.child.pid)
        post.deaths = (*self._rule.recent(post.deaths, now), now)
        wait_seconds = self._rule.wait_seconds(post.deaths, now)
        name, ending = post.program.name, post.child.ending
        if wait_seconds is None:
            post.given_up = True
            self.failure = (
                f"{name} died {len(post.deaths)} times within {self._rule.window_seconds:g} s ({ending}) and is not started "
                f"again; its last lines:\n{post.child.tail()}"
            )
            self._terminal.say(self.failure)
        else:
            post.starts_at = now + wait_seconds
            self._terminal.say(
                f"{name} died ({ending}); it is started again in {wait_seconds:g} s."
            )
