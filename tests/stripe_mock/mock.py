"""Stripe's own stripe-mock (https://github.com/stripe/stripe-mock): it knows no state, but checks
every request against Stripe's published description of the API, which comes with it."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from urllib3 import HTTPConnectionPool, Timeout

from devstack.simulators.stripe.wire import Request
from tests.installs import ROOT, go_tool

FOLDER = ROOT / ".cache" / "stripe-mock"
PIN = Path(__file__).parent / "go.pin"
_DESCRIPTION = "embedded/openapi/spec3.json"
_LISTENING = re.compile(r"Listening for HTTP at address: 127\.0\.0\.1:(\d+)")


def folder() -> Path:
    """Builds the pinned version, if it is not there yet. Raises `RuntimeError`."""
    return go_tool(FOLDER, PIN, _DESCRIPTION)


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document that stripe-mock checks requests against."""
    found: dict[str, Any] = json.loads((folder() / "spec3.json").read_text(encoding="utf-8"))
    return found


def operation_at(path: str, method: str) -> dict[str, Any] | None:
    """What the document says of a route; `path` has `([^/]+)` for each id."""
    for known, methods in description()["paths"].items():
        if re.sub(r"\{[^}]*\}", "([^/]+)", known) == path and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            return found
    return None


class Mock:
    """A running stripe-mock."""

    def __init__(self, port: int) -> None:
        self._pool = HTTPConnectionPool("127.0.0.1", port, timeout=Timeout(60.0), retries=False)

    def send(self, request: Request) -> tuple[int, str]:
        """The status and the body of its response. It knows an older version of the API, so the
        request's own is left out."""
        kept = ("content-type", "idempotency-key")
        headers = {name: value for name, value in request.headers.items() if name in kept}
        headers["authorization"] = "Bearer sk_test_123"
        target = f"{request.path}?{request.query}" if request.query else request.path
        response = self._pool.request(
            request.method, target, body=request.body or None, headers=headers
        )
        return response.status, response.data.decode()


@contextmanager
def running() -> Iterator[Mock]:
    """Starts it on a free port of this machine, and stops it. Without an address for HTTPS it would
    take port 12112 of every network, so that no two could run."""
    free = "127.0.0.1:0"
    process = subprocess.Popen(
        [folder() / "stripe-mock", "-http-addr", free, "-https-addr", free],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Mock(_port(process.stdout))
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _port(lines: Iterable[str]) -> int:
    """As it reports it, once it listens there."""
    said = []
    for line in lines:
        said.append(line)
        if found := _LISTENING.search(line):
            return int(found[1])
    raise AssertionError(f"stripe-mock did not start: {said}")
