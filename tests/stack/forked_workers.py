"""A launcher whose workers are forked, for tests that start many."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from devstack.groups import signal_group
from devstack.template import CHECKOUT
from devstack.watchdog import Watchdog
from tests.stack.launcher import Killable
from tests.stack.processes import ABANDONED_SECONDS, Processes


class ForkedWorkers(Processes):
    """A `Launcher`."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._forks = _Forks()
        self._output = Path(self._folder.name) / "workers.log"
        return self

    def __exit__(self, *error: object) -> None:
        self._forks.close()
        super().__exit__(*error)

    def launch(self, name: str, settings: Mapping[str, str]) -> Killable:
        if name != "worker":
            return super().launch(name, settings)
        output = {"WORKER_OUTPUT": str(self._output)}
        return ForkedWorker(self._forks, self._environment(settings) | output, self._watchdog)

    def log(self) -> tuple[str, ...]:
        """What all workers have logged, and the last lines of others."""
        return (*self._output.read_text("utf-8", "replace").splitlines(), *super().log())


class _Forks:
    """The process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stack.worker_forks"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, wanted: Mapping[str, str] | int) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{json.dumps(wanted)}\n")
        stdin.flush()
        return int(stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class ForkedWorker:
    """A `Killable`."""

    name = "worker"

    def __init__(self, forks: _Forks, environment: Mapping[str, str], watchdog: Watchdog) -> None:
        self._forks = forks
        self._watchdog = watchdog
        self._pid = forks.order(environment)
        watchdog.add(self._pid, ABANDONED_SECONDS)

    def kill(self) -> None:
        signal_group(self._pid, signal.SIGKILL)

    def stop(self) -> str:
        signal_group(self._pid, signal.SIGTERM)
        code = self._forks.order(self._pid)
        self._watchdog.remove(self._pid)
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
