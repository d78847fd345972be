"""A stream of a vendor: its waits, and that any thread or greenlet can end it."""

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.providers.http import NeverSent
from service.providers.streams import ByteStream, Interrupted, Interruption, Streams, Waits
from tests.doubles.certificate import make_certificate
from tests.doubles.quick import QuickClock
from tests.doubles.slow_servers import (
    SlowServer,
    drip_body,
    drip_handshake,
    drip_head,
    flood_continue,
    stay_silent,
    until_received,
)

OK = b"HTTP/1.1 200 OK\r\nX-One: a\r\nX-One: b\r\n"
# They end what hangs: a machine that pauses must not.
WAITS = Waits(60.0, 60.0)


def opened(
    url: str, trusted: Path | None = None, seconds: float = 60.0, waits: Waits | None = None
) -> ByteStream:
    clock = QuickClock()
    tls = None if trusted is None else make_context(trusted)
    streams = Streams(clock, tls)
    return streams.prepare(url, waits or WAITS, clock.monotonic() + seconds)


def make_context(trusted: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(trusted))


def read(stream: ByteStream) -> bytes:
    stream.send({"X-Two": "2"}, b"{}")
    return b"".join(stream.pieces())


def cause_of(stream: ByteStream) -> Interruption | None:
    """Of its end; None where nothing was sent."""
    try:
        with pytest.raises(Interrupted) as caught:
            read(stream)
    except NeverSent:
        return None
    finally:
        stream.close()
    return caught.value.cause


def sends(*parts: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return serve


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([OK, b"Content-Length: 4\r\n\r\n", b"ab", b"cd"], b"abcd"),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"2\r\ncd\r\n0\r\n\r\n"], b"abcd"),
        ([OK, b"Connection: close\r\n\r\nabcd"], b"abcd"),
    ],
    ids=["length", "chunked", "until the end"],
)
def test_a_body_is_read_however_it_is_framed(parts: list[bytes], body: bytes) -> None:
    with SlowServer(sends(*parts)) as server:
        stream = opened(server.url)
        assert read(stream) == body
        stream.close()
    assert stream.status == 200
    assert stream.headers["x-one"] == "a, b"


def test_more_framing_than_a_head_may_have_is_read() -> None:
    """Every small chunk of a long stream brings some."""
    chunks = b"1\r\na\r\n" * 30_000
    with SlowServer(
        sends(OK, b"Transfer-Encoding: chunked\r\n\r\n", chunks, b"0\r\n\r\n")
    ) as server:
        stream = opened(server.url)
        assert len(read(stream)) == 30_000
        stream.close()


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ([], Interruption.CUT),
        ([OK], Interruption.CUT),
        ([OK, b"Content-Length: 4\r\n\r\nab"], Interruption.CUT),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"], Interruption.CUT),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], Interruption.MALFORMED),
        ([OK, b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab"], Interruption.MALFORMED),
        ([b"hello\r\n\r\n"], Interruption.MALFORMED),
    ],
)
def test_a_body_that_is_not_whole_says_why(parts: list[bytes], cause: Interruption) -> None:
    with SlowServer(sends(*parts)) as server:
        stream = opened(server.url)
        with pytest.raises(Interrupted) as caught:
            read(stream)
        stream.close()
    assert caught.value.cause is cause


@pytest.mark.parametrize(
    ("serve", "seconds", "waits", "cause"),
    [
        (stay_silent, 30.0, Waits(0.3, 0.3), Interruption.STALLED),
        (stay_silent, 1.0, WAITS, Interruption.EXPIRED),
        (drip_head, 1.0, WAITS, Interruption.EXPIRED),
        (drip_body, 1.0, WAITS, Interruption.EXPIRED),
        (flood_continue, 1.0, WAITS, Interruption.EXPIRED),
    ],
    ids=["stalled", "expired", "head", "body", "continue"],
)
def test_a_wait_that_is_over_ends_the_stream(
    serve: Callable[[socket.socket], None], seconds: float, waits: Waits, cause: Interruption
) -> None:
    with SlowServer(serve) as server:
        ended = until_received(server, lambda: cause_of(opened(server.url, None, seconds, waits)))
    # What never ends is too much at some time.
    assert ended in {cause, *([Interruption.MALFORMED] * (serve is flood_continue))}


def test_the_same_holds_over_tls(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with SlowServer(stay_silent, certificate.serving()) as server:
        stream = opened(server.url, certificate.certificate, 30.0, Waits(0.3, 0.3))
        with pytest.raises(Interrupted) as caught:
            read(stream)
        stream.close()
    assert caught.value.cause is Interruption.STALLED


def test_a_handshake_that_never_ends_has_sent_nothing() -> None:
    with SlowServer(drip_handshake) as server:
        stream = opened(server.url.replace("http:", "https:"), seconds=0.3)
        with pytest.raises(NeverSent):
            read(stream)
        stream.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_another_thread_ends_a_wait(secure: bool, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    reached = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        reached.set()
        stay_silent(connection)

    with SlowServer(serve, certificate.serving() if secure else None) as server:
        stream = opened(server.url, certificate.certificate, seconds=60)
        stream_waits = threading.Thread(target=lambda: (reached.wait(60), stream.cancel()))
        stream_waits.start()
        with pytest.raises(Interrupted) as caught:
            read(stream)
        stream_waits.join(60)
        stream.close()
        stream.cancel()
    assert caught.value.cause is Interruption.CANCELLED


_GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, json, sys
from service.core.clock import SystemClock
from service.providers.streams import Interrupted, Streams, Waits

clock = SystemClock()
stream = Streams(clock).prepare(sys.argv[1], Waits(30.0, 30.0), clock.monotonic() + 30)
gevent.spawn_later(0.2, stream.cancel)
try:
    stream.send({}, b"{}")
    ended = "whole"
except Interrupted as error:
    ended = error.cause.value
stream.close()
print(json.dumps(ended))
"""


def test_another_greenlet_ends_a_wait() -> None:
    with SlowServer(stay_silent) as server:
        ran = subprocess.run(
            [sys.executable, "-c", _GREENLETS, server.url],
            capture_output=True,
            text=True,
            timeout=200,
            check=True,
        )
    assert json.loads(ran.stdout) == "cancelled"
