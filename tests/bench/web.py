"""The real web process: gunicorn with the container's configuration, as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from devstack.ports import free_port
from service.settings import process_environment
from tests.bench.wire import Ended, Wire, message

UP_SECONDS = 30.0
POLL_SECONDS = 0.005
STOP_SECONDS = 10.0
COMMAND = (sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py")


@dataclass(frozen=True)
class Web:
    """Where it listens, and its processes."""

    port: int
    arbiter: psutil.Process

    def workers(self) -> list[psutil.Process]:
        return self.arbiter.children()

    def cpu_seconds(self) -> float:
        """User and system time of all its workers so far."""
        return sum(sum(worker.cpu_times()[:2]) for worker in self.workers())

    def resident_megabytes(self) -> float:
        return sum(worker.memory_info().rss for worker in self.workers()) / 2**20


@contextmanager
def web(environment: Mapping[str, str], **settings: str) -> Iterator[Web]:
    """Ready to serve inside the block. Its log goes nowhere, at full length. Raises
    `TimeoutError`."""
    port = free_port()
    own = process_environment() | dict(environment) | settings | {"PORT": str(port)}
    with ended_afterwards(subprocess.Popen(COMMAND, env=own, stdout=subprocess.DEVNULL)) as process:
        wait_until_ready(port, process)
        yield Web(port, psutil.Process(process.pid))


@contextmanager
def ended_afterwards(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """Stops the process at the end of the block, whatever happens there."""
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    probe = message("GET", "/health/ready", {"Connection": "close"})
    wait_until_served(port, process, probe, b"", UP_SECONDS)


def wait_until_served(
    port: int, process: "subprocess.Popen[bytes]", request: bytes, part: bytes, seconds: float
) -> None:
    """Repeats the request until its response is a 200 whose body contains `part`. Raises
    `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, Ended):
            wire = Wire.to(port, 10)
            wire.socket.sendall(request)
            head, body = wire.read()
            wire.socket.close()
            if head.split()[1] == b"200" and part in body:
                return
        time.sleep(POLL_SECONDS)
    raise TimeoutError("the server does not come up")
