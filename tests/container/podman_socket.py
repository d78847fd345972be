"""Podman behind Docker's own address, so that the real Compose finds it. Without systemd no timer
wakes its health checks, and whoever waits for `service_healthy` would wait for ever: here a thread
runs them."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.container.engine import CheckFailed, Engine, until_true

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_INTERVAL_SECONDS = 0.5


@contextmanager
def compose_address(engine: Engine, folder: Path, project: str) -> Iterator[dict[str, str]]:
    """The environment in which Compose reaches the engine, while the block runs. Raises
    `CheckFailed` if Podman does not listen."""
    if not engine.podman:
        yield dict(engine.environment)
        return
    socket = folder / "podman.sock"
    with (folder / "podman.log").open("wb") as log:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{socket}"],
            env=dict(engine.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    ended = threading.Event()
    waking = threading.Thread(target=_wake, args=(engine, project, ended), daemon=True)
    try:
        if not until_true(socket.exists, _START_SECONDS):
            raise CheckFailed(f"Podman does not listen: {(folder / 'podman.log').read_text()}")
        waking.start()
        yield {**engine.environment, "DOCKER_HOST": f"unix://{socket}"}
    finally:
        ended.set()
        if waking.ident is not None:
            waking.join(_STOP_SECONDS)
        service.terminate()
        service.wait(_STOP_SECONDS)


def _wake(engine: Engine, project: str, ended: threading.Event) -> None:
    """Runs every health check of the project again and again, as Podman's timers would. One that a
    container does not have, or that meets a container's end, is no error."""
    label = f"label=com.docker.compose.project={project}"
    while not ended.wait(_INTERVAL_SECONDS):
        found = engine.call("ps", "--quiet", "--filter", label, check=False).stdout.split()
        for container in found:
            engine.call("healthcheck", "run", container, check=False)
