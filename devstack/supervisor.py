"""A process supervisor: starts programs, prefixes their output, restarts those that die, and leaves
none running."""

from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import TextIO

from devstack.child import Child, Program
from devstack.log_view import LogView, readable_line
from devstack.restarts import RestartRule
from devstack.terminal import Terminal
from devstack.watchdog import Watchdog
from service.core.clock import Clock

_POLL_SECONDS = 0.1


@dataclass
class _Entry:
    """A program, its current process, its deaths (monotonic seconds), and when it restarts."""

    program: Program
    child: Child
    deaths: tuple[float, ...] = ()
    starts_at: float | None = None
    abandoned: bool = False


class Supervisor:
    """Keeps programs running until `stop`.

    One that dies is restarted, as a container platform does. After 5 deaths within a minute it is
    not restarted, and `failure` says so. If this process is killed, a watchdog process ends the
    programs."""

    def __init__(
        self,
        terminal: Terminal,
        clock: Clock,
        rule: RestartRule | None = None,
        log_file: TextIO | None = None,
    ) -> None:
        """`log_file` receives every line of the programs as it came."""
        self._terminal = terminal
        self._logs = LogView(terminal, log_file)
        self._clock = clock
        self._rule = rule or RestartRule()
        self._entries: list[_Entry] = []
        self._guard = RLock()
        self._stopping = Event()
        self._watchdog: Watchdog | None = None
        self._monitoring: Thread | None = None
        self.failure = ""

    def start(self, program: Program) -> Child:
        """Starts a program and keeps it running. Programs stop in the reverse order."""
        with self._guard:
            if self._watchdog is None:
                self._watchdog = Watchdog()
                self._monitoring = Thread(target=self._monitor, name="supervisor", daemon=True)
                self._monitoring.start()
            child = self._launch(program)
            self._entries.append(_Entry(program, child))
            return child

    def tail(self, name: str) -> str:
        """The last lines that the program of this name printed."""
        with self._guard:
            return "\n".join(
                _readable(entry.child) for entry in self._entries if entry.program.name == name
            )

    def pids(self) -> dict[str, int]:
        """Program name -> process id, of those that run."""
        with self._guard:
            return {
                entry.program.name: entry.child.pid
                for entry in self._entries
                if entry.child.running
            }

    def dead(self) -> tuple[str, ...]:
        """Names of the programs that have died at least once."""
        with self._guard:
            return tuple(
                entry.program.name
                for entry in self._entries
                if entry.deaths or not entry.child.running
            )

    def stop(self) -> None:
        """Stops all programs, last started first, each within its own time. None of them runs when
        this returns."""
        self._stopping.set()
        if self._monitoring:
            self._monitoring.join()
        with self._guard:
            while self._entries:
                self._end(self._entries.pop())
            if self._watchdog:
                self._watchdog.close()
                self._watchdog = None

    def _end(self, entry: _Entry) -> None:
        if not entry.child.stop():
            self._terminal.say(f"{entry.program.name} did not stop in time and was killed.")
        if self._watchdog:
            self._watchdog.remove(entry.child.pid)

    def _launch(self, program: Program) -> Child:
        child = Child(program, self._logs.relay(program.name), self._clock)
        if self._watchdog:
            self._watchdog.add(child.pid, program.stop_seconds)
        return child

    def _monitor(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            with self._guard:
                for entry in self._entries:
                    self._check(entry)

    def _check(self, entry: _Entry) -> None:
        now = self._clock.monotonic()
        if entry.starts_at is not None:
            if now >= entry.starts_at:
                entry.child, entry.starts_at = self._launch(entry.program), None
        elif not entry.child.running and not entry.abandoned:
            self._handle_death(entry, now)

    def _handle_death(self, entry: _Entry, now: float) -> None:
        entry.child.end_group()
        if self._watchdog:
            self._watchdog.remove(entry.child.pid)
        entry.deaths = (*self._rule.recent(entry.deaths, now), now)
        wait_seconds = self._rule.wait_seconds(entry.deaths, now)
        name, ending = entry.program.name, entry.child.ending
        if wait_seconds is None:
            entry.abandoned = True
            self.failure = (
                f"{name} died {len(entry.deaths)} times within {self._rule.window_seconds:g} s "
                f"({ending}) and is not restarted; its last lines:\n{_readable(entry.child)}"
            )
            self._terminal.say(self.failure)
        else:
            entry.starts_at = now + wait_seconds
            self._terminal.say(f"{name} died ({ending}); restarting in {wait_seconds:g} s.")


def _readable(child: Child) -> str:
    lines = (readable_line(line) for line in child.tail().splitlines())
    return "\n".join(line for line in lines if line is not None)
