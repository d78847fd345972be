"""Web, worker and relay as processes of this checkout."""

import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from typing import Self

from devstack.child import Child, Program
from devstack.groups import signal_group
from devstack.watchdog import Watchdog
from tests.stack.launcher import Killable

LOG_LINES = 400
ABANDONED_SECONDS = 1.0
_COMMANDS = {
    "web": (sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py"),
    "worker": (sys.executable, "-m", "service.worker"),
    "relay": (sys.executable, "-m", "service.relay"),
}
# The platform's stop time-out: then it kills.
STOP_SECONDS = {"web": 60.0, "worker": 45.0, "relay": 60.0}


class Processes:
    """A `Launcher`."""

    kind = "processes"

    def __enter__(self) -> Self:
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._folder = tempfile.TemporaryDirectory()
        self._watchdog = Watchdog()
        return self

    def __exit__(self, *error: object) -> None:
        self._watchdog.close()
        self._folder.cleanup()

    def launch(self, name: str, settings: Mapping[str, str]) -> Killable:
        environment = self._environment(settings)
        child = Child(
            Program(name, _COMMANDS[name], environment, STOP_SECONDS[name]), self._lines.append
        )
        self._watchdog.add(child.pid, ABANDONED_SECONDS)
        return RunningProcess(child, self._watchdog)

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "TMPDIR": self._folder.name, **settings}

    def log(self) -> tuple[str, ...]:
        return tuple(self._lines)


class RunningProcess:
    """A `Killable`."""

    def __init__(self, child: Child, watchdog: Watchdog) -> None:
        self._child = child
        self._watchdog = watchdog
        self.name = child.program.name

    def kill(self) -> None:
        """`kill -9` of the whole process group: of a master and its workers alike."""
        signal_group(self._child.pid, signal.SIGKILL)

    def stop(self) -> str:
        self._child.stop()
        self._watchdog.remove(self._child.pid)
        return self._child.ending
