"""A call to a provider ends by its deadline, whichever step the server is slow at, with threads (as
in the worker) and with greenlets (as in the web process). It is known whether anything was sent."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.doubles.certificate import make_certificate
from tests.doubles.slow_servers import (
    IN_TIME_SECONDS,
    SlowServer,
    drip_body,
    drip_continue,
    drip_handshake,
    drip_head,
    flood_continue,
    stay_silent,
    take_slowly,
    until_received,
)
from tests.providers.timed_call import SECONDS, timed

Timed = Callable[..., tuple[str, float]]


class Greenlets:
    """Makes its calls in a process that gevent has patched."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.providers.timed_call"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(
        self, kind: str, url: str, trusted: str, seconds: float = SECONDS
    ) -> tuple[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([kind, url, trusted, seconds]) + "\n")
        self._process.stdin.flush()
        ended, took = json.loads(self._process.stdout.readline())
        return ended, took

    def stop(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def greenlets() -> Iterator[Greenlets]:
    process = Greenlets()
    yield process
    process.stop()


@pytest.fixture(params=["threads", "greenlets"])
def call(request: pytest.FixtureRequest, greenlets: Greenlets) -> Timed:
    return timed if request.param == "threads" else greenlets.call


def given_up(
    call: Timed, kind: str, server: SlowServer, trusted: Path | None = None
) -> tuple[str, float]:
    """How the call ended."""
    return until_received(server, lambda: call(kind, server.url, str(trusted or "")))


STEPS = {
    "head": drip_head,
    "body": drip_body,
    "continue": drip_continue,
    "flood of continue": flood_continue,
    "silence": stay_silent,
}


@pytest.mark.parametrize("kind", ["post", "get"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.protocol("one-deadline")
def test_a_response_that_never_ends_is_given_up_at_the_deadline(
    step: str, kind: str, call: Timed
) -> None:
    with SlowServer(STEPS[step]) as server:
        ended, seconds = given_up(call, kind, server)
    assert ended == "NoResponse"
    assert seconds < IN_TIME_SECONDS


@pytest.mark.parametrize("kind", ["post", "get"])
@pytest.mark.parametrize("step", ["head", "body", "continue"])
def test_the_same_holds_over_tls(step: str, kind: str, call: Timed, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with SlowServer(STEPS[step], certificate.serving()) as server:
        ended, seconds = given_up(call, kind, server, certificate.certificate)
    assert ended == "NoResponse"
    assert seconds < IN_TIME_SECONDS


@pytest.mark.parametrize(("kind", "expected"), [("post", "NeverSent"), ("get", "NoResponse")])
@pytest.mark.protocol("never-sent-proved")
def test_a_handshake_that_never_ends_is_given_up_and_nothing_was_sent(
    kind: str, expected: str, call: Timed
) -> None:
    with SlowServer(drip_handshake) as server:
        ended, seconds = call(kind, server.url.replace("http:", "https:"), "")
    assert ended == expected
    assert seconds < IN_TIME_SECONDS


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.protocol("never-sent-again")
def test_a_body_that_is_taken_slowly_is_given_up_and_may_have_arrived(
    secure: bool, call: Timed, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    with SlowServer(take_slowly, certificate.serving() if secure else None) as server:
        trusted = certificate.certificate if secure else None
        ended, seconds = given_up(call, "upload", server, trusted)
    assert ended == "NoResponse"
    assert seconds < IN_TIME_SECONDS


@pytest.mark.protocol("one-deadline")
def test_a_connection_that_no_one_accepts_is_given_up_and_nothing_was_sent(call: Timed) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        # One more than the backlog: the next one's handshake of TCP is never finished.
        waiting = [socket.create_connection(full.getsockname()[:2]) for _ in range(1)]
        ended, seconds = call("post", f"http://127.0.0.1:{full.getsockname()[1]}/", "")
        for each in waiting:
            each.close()
    assert ended in ("NeverSent", "NoResponse")
    assert seconds < IN_TIME_SECONDS


def test_a_large_body_over_tls_arrives_whole(call: Timed, tmp_path: Path) -> None:
    certificate, received = make_certificate(tmp_path), [0]

    def take_all(connection: socket.socket) -> None:
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert b"Content-Length: 8000000" in head
        received[0] = len(body)
        while received[0] < 8_000_000:
            received[0] += len(connection.recv(1_000_000))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with SlowServer(take_all, certificate.serving()) as server:
        ended, _ = call("upload", server.url, str(certificate.certificate), 30.0)
    assert (ended, received) == ("200", [8_000_000])
