"""Slow clients against gunicorn with our configuration: they are cut in time, and meanwhile
everybody else is served."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from devstack.ports import free_port
from tests.docker.slow_clients import SLOW, slow_clients, suffered
from tests.docker.visitors import MAX_PAUSE_SECONDS, MAX_RESPONSE_SECONDS, ordinary, visited
from tests.doubles.pulse import unless_paused

ROOT = Path(__file__).parents[2]


RECEIVE_SECONDS = 1.0


CUT_SECONDS = RECEIVE_SECONDS + 3.0


UPLOAD_MEGABYTES = 16


MEGABYTE = 1024 * 1024


CONNECTIONS = 60


MANY = 40


APPLICATION = """
import os
import time

from flask import Blueprint, Response
from service.web.responses import success
from service.web.body import read_raw
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.health import health_blueprint
from tests.web.small_app import small_app

LARGE = b"x" * 8_000_000
app = small_app().app
more = Blueprint("more", __name__)

@more.post("/upload")
@endpoint(Endpoint(access=Access.PUBLIC, summary="", max_body_bytes=15 * 1024 * 1024))
def upload():
    return success(len(read_raw()))

@more.get("/large")
@endpoint(Endpoint(access=Access.PUBLIC, summary=""))
def large():
    return Response(LARGE)

@more.get("/occupied")
@endpoint(Endpoint(access=Access.PUBLIC, summary=""))
def occupied():
    for _ in range(1500):
        if os.path.exists(os.environ["TMPDIR"] + "/free"):
            break
        time.sleep(0.02)
    return success("free")

app.register_blueprint(more)
app.register_blueprint(health_blueprint(lambda: True, ""))
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("slow")) as url:
        yield url


@contextmanager
def serving(folder: Path, *options: str, receive_seconds: float = RECEIVE_SECONDS) -> Iterator[str]:
    """One web process with room for few connections."""
    (folder / "slow_app.py").write_text(APPLICATION)
    port = free_port()
    own = {
        "PORT": str(port),
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "TMPDIR": str(folder),
        "WEB_CONCURRENCY": "1",
        "RECEIVE_SECONDS": str(receive_seconds),
        "UPLOAD_LIMIT_MEGABYTES": str(UPLOAD_MEGABYTES),
        "DRAIN_SECONDS": "0",
    }
    limit = ["--worker-connections", str(CONNECTIONS)]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "docker/gunicorn.conf.py",
        *limit,
        *options,
        "slow_app:app",
    ]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | own, cwd=ROOT, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(url)
        yield url
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def wait_until_up(url: str) -> None:
    for _ in range(500):
        try:
            requests.get(f"{url}/health/live", timeout=30)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    pytest.fail("gunicorn does not come up")


@pytest.mark.parametrize("number", [2, MANY])
@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_are_cut_in_time_and_no_one_else_notices(
    url: str, kind: str, number: int
) -> None:
    with visited(url) as visitors, slow_clients(url, number, *SLOW[kind]) as clients:
        suffered(clients, CUT_SECONDS + 3)
        assert [client for client in clients if client.ended_after is None] == []
        assert max(client.ended_after or 0 for client in clients) < CUT_SECONDS
    for visitor in visitors:
        visitor.assert_served()
    for client in clients:
        assert_reported(kind, client.response)


def assert_reported(kind: str, response: bytes) -> None:
    """The last response on the connection says what was wrong and that the connection ends."""
    if kind == "silent":
        assert response == b""
        return
    head, _, content = response[response.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    reported = json.loads(content)
    assert set(reported) == {"success", "error", "code", "details", "requestId"}
    busy = "large" in kind or "chunk" in kind or "awaited" in kind
    assert (int(head.split()[1]), reported["code"]) in [
        (408, "BODY_TIMEOUT"),
        (503, "UPLOADS_BUSY"),
    ][: 1 + busy]
    assert b"\r\nConnection: close" in head
    assert response.count(b"HTTP/1.1 ") == 1 + (kind.startswith(("a second", "a body awaited")))


def test_large_bodies_that_do_not_end_take_no_more_memory_than_allowed(tmp_path: Path) -> None:
    seconds = MAX_RESPONSE_SECONDS * 2
    head, rest = SLOW["a dripping large body"]
    with (
        serving(tmp_path, receive_seconds=seconds) as url,
        visited(url) as visitors,
        slow_clients(url, MANY, head, rest) as clients,
    ):
        for client in clients:
            client.send(b" " * MEGABYTE)
        suffered(clients, seconds / 2)
        refused = [client for client in clients if b"UPLOADS_BUSY" in client.response]
        assert MANY - len(refused) <= UPLOAD_MEGABYTES
        suffered(clients, seconds * 2)
        response = requests.post(f"{url}/upload", data=b" " * 9 * MEGABYTE, timeout=30)
        assert response.json()["data"] == 9 * MEGABYTE, "the memory is free again"
    for visitor in visitors:
        visitor.assert_served()


@unless_paused(MAX_PAUSE_SECONDS)
def test_probes_and_orders_are_served_while_many_requests_are_at_work(tmp_path: Path) -> None:
    """An orchestrator would replace a process that does not respond to them: the busiest processes
    first."""
    (tmp_path / "free").unlink(missing_ok=True)
    requests_bytes = b"GET /occupied HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(tmp_path) as url, slow_clients(url, MANY, requests_bytes, b"") as clients:
        suffered(clients, 0.5)
        for path in ("/health/live", "/health/ready"):
            assert requests.get(url + path, timeout=20).status_code == 200
        assert ordinary(url) == 200
        suffered(clients, 0.1)
        assert [client.response for client in clients if client.response] == []
        (tmp_path / "free").touch()
        assert requests.get(f"{url}/occupied", timeout=20).status_code == 200


@pytest.mark.parametrize("reads", [True, False], ids=["and takes the answers", "and takes none"])
def test_a_client_that_keeps_sending_requests_stops_no_one(url: str, reads: bool) -> None:
    """Its bytes are always there, so that nothing would make its greenlet pause."""
    requests_bytes = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n" * 2_000
    with (
        visited(url) as visitors,
        slow_clients(url, 4, requests_bytes, requests_bytes, reads=reads) as clients,
    ):
        suffered(clients, CUT_SECONDS)
    for visitor in visitors:
        visitor.assert_served()


def test_all_kinds_together_stop_no_one(url: str) -> None:
    with visited(url) as visitors, ExitStack() as stack:
        clients = [
            each
            for slow in SLOW.values()
            for each in stack.enter_context(slow_clients(url, 3, *slow))
        ]
        suffered(clients, CUT_SECONDS + 3)
    for visitor in visitors:
        visitor.assert_served()


def test_clients_that_read_no_responses_are_cut(url: str) -> None:
    requests_bytes = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 3
    with visited(url) as visitors, slow_clients(url, MANY, requests_bytes, b"", reads=False):
        time.sleep(CUT_SECONDS)
    for visitor in visitors:
        visitor.assert_served()


def test_clients_that_do_not_leave_after_their_response_stop_no_one(url: str) -> None:
    requests_bytes = b"GET /page HTTP/1.0\r\n\r\n"
    with visited(url) as visitors, slow_clients(url, MANY, requests_bytes, b"", reads=False):
        time.sleep(3)
    for visitor in visitors:
        visitor.assert_served()


@pytest.mark.parametrize("first", [b"", b"G"], ids=["silent", "one letter"])
def test_more_connections_than_there_is_room_for_shut_no_one_out(url: str, first: bytes) -> None:
    with visited(url) as visitors, slow_clients(url, CONNECTIONS * 2, first, b"") as clients:
        suffered(clients, CUT_SECONDS)
        assert [client for client in clients if client.ended_after is None] == []
    for visitor in visitors:
        visitor.assert_served()


@unless_paused(MAX_PAUSE_SECONDS)
def test_a_body_over_a_slow_line_is_read_whole_however_long_that_takes(url: str) -> None:
    """A tenth of a megabyte a second, as over a line of 1 Mbit/s, for five times as long as a
    pause may be."""
    size = 500_000

    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            time.sleep(0.1)
            yield b" " * (size // 50)

    response = requests.post(f"{url}/upload", data=pieces(), timeout=30)
    assert response.json()["data"] == size


@unless_paused(MAX_PAUSE_SECONDS)
def test_a_large_response_over_a_slow_line_is_sent_whole(url: str) -> None:
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received, began = 0, time.monotonic()
        while data := connection.recv(200_000, socket.MSG_WAITALL):
            received += len(data)
            time.sleep(0.1)
    assert time.monotonic() - began > 3 * RECEIVE_SECONDS
    assert received > 8_000_000


@unless_paused(MAX_PAUSE_SECONDS)
def test_a_large_body_that_keeps_coming_has_more_time_and_is_read_whole(url: str) -> None:
    size = 6 * 1024 * 1024

    def pieces() -> Iterator[bytes]:
        for _ in range(60):
            time.sleep(0.05)
            yield b" " * (size // 60)

    response = requests.post(f"{url}/upload", data=pieces(), timeout=30)
    assert response.json()["data"] == size // 60 * 60
