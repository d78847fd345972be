"""Web, relay and worker as containers of the production image, each as the service's template
describes its task, and stopped as a platform stops it: SIGTERM, and SIGKILL when the template's
stop time-out is over."""

import itertools
import secrets
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from typing import Self

from devstack.template import CHECKOUT
from tests.container.engine import COMMAND_SECONDS, PRODUCTION, CheckFailed, Engine, Unavailable
from tests.container.task import Task, described
from tests.stack.launcher import Replaceable
from tests.stack.processes import LOG_LINES

_TASKS = {"web": "WebTask", "worker": "WorkerTask", "relay": "RelayTask"}
_SWEEP_SECONDS = 120.0
_TAIL_LINES = "30"


class Containers:
    """A `Launcher`. They share this machine's network, for balancer, table and simulators are on
    its loopback; so must they be.

    Raises `Unavailable` where containers have a machine of their own, and `CheckFailed` if any are
    left in the end."""

    kind = "containers"

    def __init__(self, engine: Engine) -> None:
        if sys.platform != "linux":
            raise Unavailable("only on Linux can containers share this machine's network")
        self._engine = engine
        self._prefix = f"farebox-drain-{secrets.token_hex(4)}-"
        self._numbers = itertools.count(1)
        self._tasks = {name: described(task) for name, task in _TASKS.items()}
        self._lines: deque[str] = deque(maxlen=LOG_LINES)

    def __enter__(self) -> Self:
        # It outlives us, however we end.
        command = [sys.executable, "-m", "tests.drain.sweeper", self._engine.program, self._prefix]
        self._sweeper = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=dict(self._engine.environment),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._sweeper.communicate(timeout=_SWEEP_SECONDS)
        if self._sweeper.returncode:
            raise CheckFailed(f"containers are left behind: {self._prefix}…")

    def launch(self, name: str, settings: Mapping[str, str]) -> Replaceable:
        task, container = self._tasks[name], f"{self._prefix}{next(self._numbers)}"
        environment = [f"--env={setting}={value}" for setting, value in settings.items()]
        run = (
            "run",
            "--detach",
            "--name",
            container,
            "--network",
            "host",
            *task.options,
            *self._engine.run_options,
        )
        self._engine.call(*run, *environment, PRODUCTION, *task.command)
        return _Container(self._engine, name, container, task, self._lines)

    def log(self) -> tuple[str, ...]:
        return tuple(self._lines)


class _Container:
    def __init__(
        self, engine: Engine, name: str, container: str, task: Task, lines: deque[str]
    ) -> None:
        self._engine = engine
        self._container = container
        self._task = task
        self._lines = lines
        self.name = name

    def stop(self) -> str:
        self._engine.call(
            "stop", self._container, seconds=self._task.stop_seconds + COMMAND_SECONDS
        )
        state = self._engine.call(
            "inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", self._container
        )
        logged = self._engine.call("logs", "--tail", _TAIL_LINES, self._container)
        self._lines.extend((logged.stdout + logged.stderr).splitlines())
        self._engine.remove(self._container)
        return ending(*state.stdout.split())


def ending(code: str, out_of_memory: str) -> str:
    """In words, as those of a process. What a signal ended has 128 and the signal's number as its
    exit code."""
    number = int(code) - 128
    signals = {each.value: each.name for each in signal.Signals}
    words = signals.get(number, f"exit code {code}")
    return f"{words}, out of memory" if out_of_memory == "true" else words
