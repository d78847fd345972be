"""One child process, in its own process group, with its output read in a thread."""

import signal
import subprocess
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from devstack.groups import end_group, signal_group
from devstack.terminal import Say
from service.core.clock import Clock, SystemClock

_TAIL_LINES = 30
_MAX_LINE = 4000
_GROUP_SECONDS = 3.0
_KILLED_SECONDS = 5.0
_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Program:
    """A program to run in the checkout: its display name, command, complete environment, and the
    time it has to stop."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_seconds: float = 10.0


class Child:
    """A running program. Its standard input stays open until this process ends: a child can notice
    that way that its parent was killed."""

    def __init__(self, program: Program, on_line: Say, clock: Clock | None = None) -> None:
        """Starts it. Each line of its output and errors is passed to `on_line`, in a thread."""
        self.program = program
        self._on_line = on_line
        self._clock = clock or SystemClock()
        self._group_ended = False
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process = subprocess.Popen(  # noqa: S603 - a command of ours
            program.command,
            cwd=_CHECKOUT,
            env=dict(program.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        self._reader = Thread(target=self._read, name=f"output of {program.name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its process group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it has ended (and is reaped)."""
        return self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, as in `exit code 1` or `SIGKILL`; empty while it runs."""
        code = self._process.poll()
        if code is None:
            return ""
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    def tail(self) -> str:
        """Its last lines (30 at most)."""
        if not self.running:
            self._reader.join(_GROUP_SECONDS)
        return "\n".join(self._tail)

    def request_stop(self) -> None:
        """Sends SIGTERM to the process only: gunicorn stops its own workers."""
        if self.running:
            self._process.terminate()

    def stop(self) -> bool:
        """Ends the process and its whole group; none of them runs when this returns.

        Sends SIGTERM first. Returns True if the process ended within its `stop_seconds`, False if
        it had to be killed."""
        self.request_stop()
        try:
            self._process.wait(self.program.stop_seconds)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
            signal_group(self.pid, signal.SIGKILL)
            self._process.wait(_KILLED_SECONDS)
        self.end_group()
        return ended

    def end_group(self) -> None:
        """Ends the orphans of a process that has ended (SIGTERM, SIGKILL after 3 seconds). Acts
        only once, because the system may give the group id to other processes."""
        if self._group_ended:
            return
        self._group_ended = True
        end_group(self.pid, self._clock, _GROUP_SECONDS)
        if self._process.stdin:
            self._process.stdin.close()
        self._reader.join(_GROUP_SECONDS)

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as lines:
            while line := lines.readline(_MAX_LINE):
                self._tail.append(line.rstrip("\n"))
                self._on_line(line.rstrip("\n"))
