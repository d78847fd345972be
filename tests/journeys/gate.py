"""The service under gunicorn as it runs in production, and bytes sent to it as they are."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.environment import without_settings
from devstack.ports import free_port
from service.identity.settings import IdentitySettings
from service.notifications.settings import NotificationsSettings
from service.providers.kling.settings import KlingSettings
from service.storage.settings import StorageSettings
from tests.stack.live_stack import LiveStack
from tests.stack.stack_settings import SETTINGS

ROOT = Path(__file__).parents[2]
UP_SECONDS = 240.0


@dataclass
class RawResponse:
    """One response as it came: status, headers by their names in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body).get("code", "")) if self.body.startswith(b"{") else ""

    @property
    def ends(self) -> bool:
        return self.headers.get("connection") == "close"


@dataclass
class FaultInjector:
    port: int
    log: Path

    def exchange(self, request: bytes, *, no_more: bool = True) -> list[RawResponse]:
        """All responses to those bytes until the service ends the connection; our side is closed
        behind them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            if no_more:
                connection.shutdown(socket.SHUT_WR)
            return list(responses(b"".join(iter(lambda: received(connection), b""))))


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def responses(stream: bytes) -> Iterator[RawResponse]:
    """Raises `ValueError` for a stream that is not one whole response after another."""
    while stream:
        head, end, stream = stream.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if not end or not first.startswith("HTTP/1."):
            raise ValueError(f"no answer: {head[:200]!r}")
        headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(stream) < length:
            raise ValueError("an answer that breaks off")
        yield RawResponse(int(first.split()[1]), headers, stream[:length])
        stream = stream[length:]


@contextmanager
def opened(stack: LiveStack, folder: Path, **settings: str) -> Iterator[FaultInjector]:
    """One web process of its own over the table and simulators."""
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py"]
    environment = (
        without_settings(os.environ)
        | _environment(stack)
        | {"PORT": str(port), "TMPDIR": str(folder)}
        | settings
    )
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        _wait_until_up(FaultInjector(port, log))
        yield FaultInjector(port, log)
    finally:
        process.kill()
        process.wait()


def _environment(stack: LiveStack) -> dict[str, str]:
    storage = stack.settings.section(StorageSettings)
    identity = stack.settings.section(IdentitySettings)
    own: dict[str, Any] = SETTINGS | {
        "dynamodb_endpoint_url": storage.dynamodb_endpoint_url,
        "dynamodb_table_name": storage.dynamodb_table_name,
        "google_certs_url": identity.google_certs_url,
        "app_url": stack.settings.section(NotificationsSettings).app_url,
        "kling_base_url": stack.settings.section(KlingSettings).kling_base_url,
        "google_client_ids": ",".join(identity.google_client_ids),
        "log_format": "json",
        "web_concurrency": 1,
        "web_connections": 500,
        "long_poll_limit": 100,
        "drain_seconds": 0,
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    return {name.upper(): str(value) for name, value in own.items()}


def _wait_until_up(gate: FaultInjector) -> None:
    end = time.monotonic() + UP_SECONDS
    while time.monotonic() < end:
        try:
            gate.exchange(b"GET /health/live HTTP/1.0\r\n\r\n")
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"gunicorn does not come up: {gate.log.read_text()[-2000:]}")
