"""The whole stack as `make run` starts it, but with two web groups and two workers, each of which
can be killed."""

import os
import secrets
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import psutil

from devstack.calls import call
from devstack.child import Program
from devstack.environment import stack_environment, without_settings
from devstack.folder import new_keys
from devstack.ports import Ports, free_port
from devstack.restarts import RestartRule
from devstack.stack import Stack, StackConfiguration
from devstack.template import CHECKOUT
from devstack.terminal import Say, Terminal
from service.core.clock import SystemClock
from service.settings import process_environment
from tests.stack.times import SHORT_TIMES

WORKERS = ("worker-1", "worker-2")
VIDEO_SECONDS = 0.4
# So few that users run out of credits amid the kills.
WELCOME_CREDITS = 3
WATCH_SECONDS = 25.0
AUDIT_SECONDS = 600
_WEB = (sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py")
_WORKER = (sys.executable, "-m", "tests.stack.preloaded_worker")
_STOP_SECONDS = 35.0
_UP_SECONDS = 180.0
# Generous timeouts for whoever only observes: a slow machine is no finding.
_OBSERVER_TIMEOUTS = {
    "DYNAMODB_CONNECT_TIMEOUT_SECONDS": "10",
    "DYNAMODB_READ_TIMEOUT_SECONDS": "30",
    "SUBMIT_SECONDS": "100",
    "QUARANTINE_SECONDS": "200",
}
_ALWAYS_AGAIN_AT_ONCE = RestartRule(max_deaths=1_000_000, first_wait_seconds=0.0)


@dataclass(frozen=True)
class Web:
    """One web group: its name, and where it listens."""

    name: str
    url: str


class Log(Terminal):
    """Keeps every line of every process, and notes which workers have come up."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._up = {name: threading.Event() for name in WORKERS}

    def relay(self, name: str) -> Say:
        say = super().relay(name)

        def on_progress(line: str) -> None:
            if "worker_started" in line:
                self._up[name].set()
            say(line)

        return on_progress

    def await_worker(self, name: str, seconds: float) -> bool:
        return self._up[name].wait(seconds)

    def forget(self, name: str) -> None:
        """It is being killed: whatever it has said of being up is over."""
        if name in self._up:
            self._up[name].clear()


class KillableStack(Stack):
    """Two web groups and two workers over one DynamoDB Local on disk. What dies is started again at
    once. `observer` is the environment of whoever looks at the table from outside."""

    def __init__(self, folder: Path, stream: TextIO) -> None:
        ports = Ports(*(free_port() for _ in range(5)))
        own = without_settings(process_environment()) | {
            **SHORT_TIMES,
            "WORKER_INTERVAL_SECONDS": "0.4",
            "WATCH_SECONDS": f"{WATCH_SECONDS:g}",
            "WATCH_POLL_SECONDS": "2",
            "WELCOME_CREDITS": str(WELCOME_CREDITS),
            "MAX_USERS": "100000",
            "MAX_OPEN_JOBS_PER_USER": "0",
            "CALLER_REQUEST_LIMIT": "0",
            "ADDRESS_REQUEST_LIMIT": "0",
            "WEB_CONCURRENCY": "1",
            "KLING_CALLBACK_SECRET": f"whsec_{b64encode(secrets.token_bytes(24)).decode()}",
            "SIMULATOR_VIDEO_SECONDS": f"{VIDEO_SECONDS:g}",
            # A second send must be seen in the books, not be covered up by the vendor.
            "SIMULATOR_KLING_UNIQUE_EXTERNAL_IDS": "false",
            "SIMULATOR_KLING_CONCURRENCY": "100000",
            # Compiled once for all the processes to come, whatever this machine does otherwise:
            # they start in half the time.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        }
        self._log = Log(stream)
        configuration = StackConfiguration(ports, own, new_keys(), folder / "data")
        super().__init__(configuration, self._log, SystemClock(), _ALWAYS_AGAIN_AT_ONCE)
        self.observer = self.environment | _OBSERVER_TIMEOUTS
        self._environments = [
            stack_environment(own, replace(ports, app=port), configuration.keys)
            for port in (ports.app, free_port())
        ]
        self.webs = tuple(
            Web(f"web-{number}", environment["PUBLIC_URL"])
            for number, environment in enumerate(self._environments, 1)
        )

    def _start_service(self) -> None:
        for web, environment in zip(self.webs, self._environments, strict=True):
            self._supervisor.start(Program(web.name, _WEB, environment, _STOP_SECONDS))
        for name in WORKERS:
            self._supervisor.start(Program(name, _WORKER, self.environment, _STOP_SECONDS))
        self.await_all()

    def await_all(self) -> None:
        """Returns once every part responds. Raises `TimeoutError`."""
        deadline = self._clock.monotonic() + _UP_SECONDS
        while not (
            self._table_responds() and all(self.is_up(web, ready=True) for web in self.webs)
        ):
            if self._clock.monotonic() > deadline:
                raise TimeoutError(f"the stack does not come up within {_UP_SECONDS:g} s")
            self._clock.sleep(0.1)
        for name in WORKERS:
            if not self._log.await_worker(name, _UP_SECONDS):
                raise TimeoutError(f"{name} does not come up within {_UP_SECONDS:g} s")

    def await_worker(self, name: str, seconds: float) -> bool:
        """Whether the worker of that name runs its rounds."""
        return self._log.await_worker(name, seconds)

    def is_up(self, web: Web, *, ready: bool = False) -> bool:
        return self._responds(f"{web.url}/health/{'ready' if ready else 'live'}")

    def _table_responds(self) -> bool:
        with suppress(Exception):
            return bool(self._client().list_tables()["TableNames"])
        return False

    @staticmethod
    def _responds(url: str) -> bool:
        with suppress(OSError):
            return call("GET", url, seconds=2.0).status == 200
        return False

    def kill_children(self, name: str) -> bool:
        """`kill -9` of the processes that work for a master, which replaces them at once. Whether
        there was any to kill."""
        master = self.pids().get(name)
        killed = False
        with suppress(psutil.Error):
            for child in psutil.Process(master).children() if master else ():
                self._log.forget(name)
                child.kill()
                killed = True
        return killed

    def kill_group(self, name: str) -> bool:
        """`kill -9` of a master and all its children at once; the master is started again. Whether
        it ran."""
        pid = self.pids().get(name)
        if pid is None:
            return False
        self._log.forget(name)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
            return True
        return False

    def restart_table(self) -> bool:
        """Stops DynamoDB Local with SIGTERM, never SIGKILL: killed, it loses acknowledged writes.
        It starts again on the same port and file. Whether it ran."""
        pid = self.pids().get("dynamodb")
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        return pid is not None

    def steer(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, list[dict[str, str]]]:
        """A call to the simulators. Raises `OSError`."""
        response = call(method, self.ports.simulators_url + path, body)
        if response.status != 200:
            raise OSError(f"the simulators answer {response.status}: {response.body[:200]!r}")
        content: dict[str, list[dict[str, str]]] = response.json()
        return content

    def audit(self) -> subprocess.CompletedProcess[str]:
        """`farebox audit --json`, as an operator runs it."""
        return subprocess.run(
            [sys.executable, "-m", "service.cli", "audit", "--json"],
            cwd=CHECKOUT,
            env=self.observer,
            capture_output=True,
            text=True,
            timeout=AUDIT_SECONDS,
            check=False,
        )
