"""The whole service on one machine: DynamoDB Local, simulators, web process, worker and relay."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

import boto3
from botocore.config import Config

from devstack.calls import call
from devstack.child import Program
from devstack.dynamodb import START_SECONDS, STOP_SECONDS, command
from devstack.environment import simulator_options, stack_environment, without_settings
from devstack.errors import LocalSetupError
from devstack.jars import cache_directory, provide_jars
from devstack.ports import Ports, require_free
from devstack.restarts import RestartRule
from devstack.supervisor import Supervisor
from devstack.table import create_table
from devstack.terminal import Terminal
from service.app import load_settings
from service.core.clock import Clock
from service.core.settings import SettingsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WEB = (sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py")
_WORKER = (sys.executable, "-m", "service.worker")
_RELAY = (sys.executable, "-m", "service.relay")
_SIMULATORS = (sys.executable, "-m", "devstack.simulators")
# Ends what hangs: what dies is noticed at once.
_UP_SECONDS = 180.0
_PROBE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_WEB_STOP_SECONDS = 35.0
_WORKER_STOP_SECONDS = 20.0
_RELAY_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class StackConfiguration:
    """The ports, the developer's own environment, the service's keys, and the folder of the data
    (None: in memory)."""

    ports: Ports
    own_environment: Mapping[str, str]
    keys: Mapping[str, str]
    data: Path | None


class Stack:
    """The embedded stack for the duration of a `with` block.

    At the start of the block all processes are ready; one that dies is restarted. None of them
    runs after the block, or after this process was killed."""

    def __init__(
        self,
        configuration: StackConfiguration,
        terminal: Terminal,
        clock: Clock,
        rule: RestartRule | None = None,
        log_file: TextIO | None = None,
    ) -> None:
        """`log_file` receives every line that the processes log."""
        self._configuration = configuration
        self._clock = clock
        self._supervisor = Supervisor(terminal, clock, rule, log_file)
        self.ports = configuration.ports
        # DynamoDB and the simulators stand for the outside world: they never see the service's
        # keys.
        self._outside = without_settings(configuration.own_environment)
        self.environment = stack_environment(
            configuration.own_environment, configuration.ports, configuration.keys
        )

    def __enter__(self) -> Self:
        """Starts the processes. Raises `LocalSetupError` if a setting is invalid, a port is taken,
        or a process does not start in time."""
        self._require_settings()
        self._require_ports()
        jars = provide_jars(cache_directory(self.environment.get("XDG_CACHE_HOME", "")))
        try:
            self._start_outside(jars)
            self._start_service()
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._supervisor.stop()

    @property
    def failure(self) -> str:
        """Why the stack cannot continue; empty while it can."""
        return self._supervisor.failure

    def pids(self) -> dict[str, int]:
        """The process ids of `dynamodb`, `simulators`, `web`, `worker` and `relay`, if they run."""
        return self._supervisor.pids()

    def _require_settings(self) -> None:
        try:
            load_settings(self.environment)
        except SettingsError as error:
            raise LocalSetupError(str(error)) from error

    def _require_ports(self) -> None:
        require_free(self.ports.app, "PORT", "make run")
        require_free(self.ports.dynamodb, "DYNAMODB_PORT", "make run")
        require_free(self.ports.simulators, "SIMULATOR_PORT", "make run")
        require_free(self.ports.relay, "LIVE_PORT", "make run")
        require_free(self.ports.sockets, "SIMULATOR_SOCKET_PORT", "make run")

    def _start_outside(self, jars: Path) -> None:
        line = command(self.ports.dynamodb, self._configuration.data, jars)
        options = simulator_options(self.environment, self.ports)
        self._supervisor.start(Program("dynamodb", line, self._outside, STOP_SECONDS))
        self._supervisor.start(Program("simulators", (*_SIMULATORS, *options), self._outside))
        self._await("dynamodb", self.ports.dynamodb_url, START_SECONDS)
        create_table(self._client(), self.environment["DYNAMODB_TABLE_NAME"])
        self._await("simulators", f"{self.ports.simulators_url}/__faults", _UP_SECONDS)

    def _start_service(self) -> None:
        """Its lines come as JSON: the log file keeps them whole, the terminal shows them
        readable."""
        environment = {**self.environment, "LOG_FORMAT": "json"}
        self._supervisor.start(Program("web", _WEB, environment, _WEB_STOP_SECONDS))
        self._supervisor.start(Program("worker", _WORKER, environment, _WORKER_STOP_SECONDS))
        self._supervisor.start(Program("relay", _RELAY, environment, _RELAY_STOP_SECONDS))
        for name, url in (("web", self.ports.app_url), ("relay", self.ports.relay_url)):
            self._await(name, f"{url}/health/ready", _UP_SECONDS, lambda status: status == 200)

    def _await(
        self, name: str, url: str, seconds: float, expected: Callable[[int], bool] = bool
    ) -> None:
        """Returns when the address responds with an expected status. Raises `LocalSetupError` after
        `seconds`, or at once if any process died: a restart would not help at this point."""
        deadline = self._clock.monotonic() + seconds
        while not expected(_status(url)):
            dead = self._supervisor.dead()
            if dead or self._clock.monotonic() > deadline:
                late = dead[0] if dead else name
                raise LocalSetupError(
                    f"{late} did not start{'' if dead else f' within {seconds:g} s'}; "
                    "its last lines:\n"
                    f"{self._supervisor.tail(late) or '(none)'}"
                )
            self._clock.sleep(_POLL_SECONDS)

    def _client(self) -> "DynamoDBClient":
        return boto3.client(
            "dynamodb",
            endpoint_url=self.ports.dynamodb_url,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )


def _status(url: str) -> int:
    """The status of the response, 0 if there is none."""
    try:
        return call("GET", url, seconds=_PROBE_SECONDS).status
    except OSError:
        return 0
