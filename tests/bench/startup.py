"""How long a process takes to start."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import psutil

from devstack.ports import free_port
from service.settings import process_environment
from tests.bench.outside import outside
from tests.bench.report import Table, spread
from tests.bench.web import COMMAND, ended_afterwards, wait_until_ready

ROUNDS, QUICK_ROUNDS = 5, 1
LIBRARIES = (
    "import boto3, flask, flask_cors, jwt, marshmallow, requests, structlog, apispec, "
    "cryptography.fernet"
)
Seconds = tuple[float, float]
"""Wall and CPU."""


def run(quick: bool) -> list[Table]:
    with outside() as world:
        environment = process_environment() | world.environment() | {"WEB_CONCURRENCY": "1"}
        starts: dict[str, Callable[[], Seconds]] = {
            "web: to the first 200 of GET /health/ready": lambda: _web(environment),
            "worker: to its first round": lambda: _worker(environment),
            "import of the web process": lambda: _python(
                "import service.app, gunicorn.app.wsgiapp", environment
            ),
            "import of the libraries alone": lambda: _python(LIBRARIES, environment),
            "Python alone": lambda: _python("pass", environment),
        }
        rounds = [
            {what: start() for what, start in starts.items()}
            for _ in range(QUICK_ROUNDS if quick else ROUNDS)
        ]
    rows = [
        (
            what,
            spread([each[what][0] for each in rounds]),
            spread([each[what][1] for each in rounds]),
        )
        for what in starts
    ]
    return [
        Table(
            f"Starting ({len(rounds)} interleaved rounds)", ("what", "seconds", "CPU seconds"), rows
        )
    ]


def _web(environment: Mapping[str, str]) -> Seconds:
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        COMMAND, env={**environment, "PORT": str(port)}, stdout=subprocess.DEVNULL
    )
    with ended_afterwards(process):
        wait_until_ready(port, process)
        return time.perf_counter() - started, _cpu_seconds(process.pid)


def _worker(environment: Mapping[str, str]) -> Seconds:
    started = time.perf_counter()
    command = (sys.executable, "-m", "service.worker")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    with ended_afterwards(process):
        lines = iter(process.stdout or ())
        if not any(b"OldestDueJobSeconds" in line for line in lines):
            raise TimeoutError("the worker does not come up")
        return time.perf_counter() - started, _cpu_seconds(process.pid)


def _python(code: str, environment: Mapping[str, str]) -> Seconds:
    """The time is read inside, at the very end."""
    program = f"{code}\nimport time; print(time.process_time())"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - started, float(done.stdout)


def _cpu_seconds(process_id: int) -> float:
    process = psutil.Process(process_id)
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children()))
