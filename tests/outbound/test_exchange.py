"""Small requests over kept connections: sent in one piece, nothing kept that is not clean, and
"never sent" kept apart from the rest."""

import math
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from urllib3 import Timeout

from service.core.clock import SystemClock
from service.outbound.exchange import Exchanges
from service.outbound.network import Network, NotConnected
from service.outbound.response import Response
from service.outbound.trust import public_roots
from tests.doubles.certificate import make_certificate
from tests.doubles.eventually import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
MAX_BYTES = 10_000
HEADERS = {"host": "table.example.com", "x-one": "1"}


class Server:
    """Sends the same response to each request, or at most `times` of them; keeps each piece that
    came in, and counts connections."""

    def __init__(
        self, response: bytes, tls: ssl.SSLContext | None = None, times: float = math.inf
    ) -> None:
        self._response = response
        self._times = times
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.pieces: list[bytes] = []
        self.connections = 0
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError):
            stream = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with stream:
                while piece := stream.recv(65536):
                    self.pieces.append(piece)
                    if len(self.pieces) <= self._times:
                        stream.sendall(self._response)

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def serving(
    response: bytes, tls: ssl.SSLContext | None = None, times: float = math.inf
) -> Iterator[Server]:
    server = Server(response, tls, times)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server
    server.stop()
    thread.join(5)


def exchanges(url: str, tls: ssl.SSLContext | None = None) -> Exchanges:
    context = tls or public_roots()
    return Exchanges(Network(SystemClock()), url, context, 2, MAX_BYTES)


def post(
    target: Exchanges, body: bytes = b"{}", headers: dict[str, str] = HEADERS, seconds: float = 60.0
) -> Response:
    return target.post("/", headers, body, Timeout(total=seconds))


def test_a_request_is_sent_whole_in_one_piece() -> None:
    with serving(OK) as server:
        response = post(exchanges(server.url))
    assert (response.status, response.body) == (200, b"{}")
    assert server.pieces == [
        b"POST / HTTP/1.1\r\naccept-encoding: identity\r\nuser-agent: farebox\r\n"
        b"host: table.example.com\r\nx-one: 1\r\nContent-Length: 2\r\n\r\n{}"
    ]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_connection_is_used_again(secure: bool, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with serving(OK, certificate.serving() if secure else None) as server:
        target = exchanges(server.url, certificate.trusting())
        assert [post(target).status for _ in range(3)] == [200] * 3
    assert (server.connections, len(server.pieces)) == (1, 3)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "response",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen",
    ],
    ids=["announced", "more than the response came"],
)
def test_a_connection_that_is_not_clean_is_not_used_again(
    response: bytes, secure: bool, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    with serving(response, certificate.serving() if secure else None) as server:
        target = exchanges(server.url, certificate.trusting())
        assert [post(target).body for _ in range(3)] == [b"{}"] * 3
    assert server.connections == 3


@pytest.mark.parametrize(
    "response", [b"hello\r\n\r\n", OK.replace(b": 2", b": 20000") + b" " * 20_000]
)
def test_what_is_no_bounded_response_is_an_error_and_not_kept(response: bytes) -> None:
    with serving(response) as server:
        target = exchanges(server.url)
        for _ in range(2):
            with pytest.raises(Exception) as raised:  # noqa: PT011 - urllib3 raises many kinds
                post(target)
            assert not isinstance(raised.value, NotConnected)
    assert server.connections == 2


def test_a_response_that_does_not_come_is_given_up_and_may_have_arrived() -> None:
    """On a connection that is open: to connect takes no part of its time."""
    with serving(OK, times=1) as server:
        target = exchanges(server.url)
        post(target)
        with pytest.raises(Exception) as raised:  # noqa: PT011 - urllib3 raises many kinds
            post(target, seconds=0.5)
        assert not isinstance(raised.value, NotConnected)
        eventually(lambda: len(server.pieces) == 2)
    assert server.connections == 1


def test_where_no_one_listens_nothing_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(NotConnected):
        post(exchanges(url))


def test_a_certificate_that_is_not_trusted_is_never_sent_anything(tmp_path: Path) -> None:
    trusted_by_no_one = make_certificate(tmp_path).serving()
    with serving(OK, trusted_by_no_one) as server, pytest.raises(NotConnected):
        post(exchanges(server.url))
    assert server.pieces == []


@pytest.mark.parametrize("value", ["a\r\nx-two: 2", "a\n", "a\0"])
def test_a_header_with_a_line_break_is_not_sent(value: str) -> None:
    with serving(OK) as server, pytest.raises(ValueError, match="line break"):
        post(exchanges(server.url), headers=HEADERS | {"x-token": value})
    assert server.pieces == []
