"""Requests per second per core of LiteLLM's proxy and of the service, in one interleaved run.

LiteLLM runs at its cheapest: one process, a master key, no database, no callbacks, an upstream that
responds at once. It authenticates, routes and logs nothing; the service also holds the credit and
keeps job and ledger. Not part of `make bench`: LiteLLM is installed, its newest release, into a
temporary environment, unless LITELLM_PYTHON names the Python of one that has it."""

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from devstack.ports import free_port
from service.settings import process_environment
from tests.bench.canned import canned
from tests.bench.load import load
from tests.bench.outside import outside
from tests.bench.processes import CLIENTS, post
from tests.bench.report import Table, spread
from tests.bench.web import Web, ended_afterwards, wait_until_served, web
from tests.bench.wire import message

ROUNDS, REQUESTS = 15, 200
QUICK_ROUNDS, QUICK_REQUESTS = 3, 100
UP_SECONDS = 180.0
KEY = "sk-bench"
MODEL = "bench"
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "from the canned upstream"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
}
_CHAT = message(
    "POST",
    "/v1/chat/completions",
    {"Authorization": f"Bearer {KEY}"},
    json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "x" * 40}]}).encode(),
)


@dataclass(frozen=True)
class Proxy:
    """Where LiteLLM listens, and its processes."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        family = (self.process, *self.process.children(recursive=True))
        return sum(sum(each.cpu_times()[:2]) for each in family)

    def resident_megabytes(self) -> float:
        family = (self.process, *self.process.children(recursive=True))
        return sum(each.memory_info().rss for each in family) / 2**20


def run(quick: bool) -> list[Table]:
    rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with (
        _python() as python,
        outside() as world,
        web(world.environment(), WEB_CONCURRENCY="1") as service,
        canned({"": COMPLETION}, content_type="application/json") as upstream,
        _proxy(python, upstream) as proxy,
    ):
        version = _version(python)
        costs = _compared(service, proxy, rounds, requests)
        memory = service.resident_megabytes(), proxy.resident_megabytes()
    ratios = [theirs / own for own, theirs in zip(*costs, strict=True)]
    names = "Farebox, POST /videos", f"LiteLLM {version}, POST /v1/chat/completions"
    rows = [
        (
            name,
            spread(cost, 0),
            spread([1e6 / each for each in cost], 0),
            f"{resident:.0f}",
            ratio,
        )
        for name, cost, resident, ratio in zip(
            names, costs, memory, (spread(ratios), "1"), strict=True
        )
    ]
    title = f"Farebox and LiteLLM ({rounds} interleaved rounds of {requests}, {CLIENTS} at once)"
    columns = ("what", "CPU µs", "requests/s per core", "RSS MB", "requests/s by LiteLLM's")
    return [Table(title, columns, rows)]


def _compared(
    service: Web, proxy: Proxy, rounds: int, requests: int
) -> tuple[list[float], list[float]]:
    """CPU microseconds per request, one figure a round each."""
    ours, theirs = [], []
    for count in (requests, *[requests] * rounds):
        ours.append(_cost(service, post, count))
        theirs.append(_cost(proxy, lambda _: _CHAT, count))
    # The first round warms up.
    return ours[1:], theirs[1:]


def _cost(server: Web | Proxy, request: Callable[[int], bytes], count: int) -> float:
    before = server.cpu_seconds()
    done = load(server.port, request, CLIENTS, count)
    if done.statuses[200] != count:
        raise RuntimeError(f"not every response is 200: {done.summary()}")
    return (server.cpu_seconds() - before) / count * 1e6


@contextmanager
def _python() -> Iterator[str]:
    """The Python of an environment that has LiteLLM."""
    if named := os.environ.get("LITELLM_PYTHON"):
        yield named
        return
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", "litellm[proxy]"], check=True)
        yield python


def _version(python: str) -> str:
    code = "import importlib.metadata as m; print(m.version('litellm'))"
    return subprocess.check_output([python, "-c", code], text=True).strip()


@contextmanager
def _proxy(python: str, upstream: str) -> Iterator[Proxy]:
    """Serves inside the block. Raises `TimeoutError`."""
    port = free_port()
    model = {"model": "openai/gpt-4o-mini", "api_base": f"{upstream}/v1", "api_key": "k"}
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"master_key": KEY},
    }
    with tempfile.TemporaryDirectory() as folder:
        # YAML takes JSON.
        path = Path(folder) / "config.yaml"
        path.write_text(json.dumps(config))
        command = [str(Path(python).parent / "litellm"), "--config", str(path)]
        command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        own = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
        }
        server = subprocess.Popen(
            [*command, "--telemetry", "False"],
            cwd=folder,
            env=process_environment() | own,
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        )
        with ended_afterwards(server) as process:
            # Up once it passes the upstream's response on.
            wait_until_served(port, process, _CHAT, b"from the canned upstream", UP_SECONDS)
            yield Proxy(port, psutil.Process(process.pid))
