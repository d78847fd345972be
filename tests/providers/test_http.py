"""HTTP to providers: "never sent" is kept apart from "no response", only valid certificates are
trusted, and nothing is sent after the deadline."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from service.providers.http import NeverSent, NoResponse, ProviderHttp, Reply
from tests.doubles.certificate import make_certificate
from tests.doubles.quick import MovedClock, QuickClock
from tests.doubles.slow_servers import drip

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Serve = Callable[[socket.socket], None]


class Server:
    """One connection, served by a function; what it received is kept."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.received = b""
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}/path"

    def _run(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            connection.settimeout(60)
            with (
                self._tls.wrap_socket(connection, server_side=True)
                if self._tls
                else connection as stream
            ):
                while not self._received_enough() and (part := stream.recv(65536)):
                    self.received += part
                self._serve(stream)

    def _received_enough(self) -> bool:
        """A whole request without a body or with the small one, or the beginning of a large one."""
        head, end, body = self.received.partition(b"\r\n\r\n")
        return bool(end) and (head.startswith(b"GET") or body[:2] in (b"{}", b"xx"))

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Ends an accept without a connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


class Stopwatch:
    """A clock with scripted monotonic times: one reading after the other, the last one for ever."""

    def __init__(self, *readings: float) -> None:
        self._readings = list(readings)

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def respond_ok(connection: socket.socket) -> None:
    connection.sendall(OK)


def send(
    server: Server, http: ProviderHttp | None = None, *, seconds: float = 60.0, body: bytes = b"{}"
) -> Reply:
    clock = QuickClock()
    return (http or ProviderHttp(clock)).send_once(
        server.url, {"X-One": "1"}, body, clock.monotonic() + seconds
    )


def test_a_request_is_sent_whole_and_its_response_read_whole() -> None:
    with Server(respond_ok) as server:
        assert send(server) == Reply(200, b"{}")
    head, _, body = server.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /path HTTP/1.1\r\n")
    assert {b"X-One: 1", b"Content-Length: 2"} <= set(head.split(b"\r\n"))
    assert body == b"{}"


def test_a_trusted_server_receives_the_request(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    http = ProviderHttp(QuickClock(), certificate.trusting())
    with Server(respond_ok, certificate.serving()) as server:
        assert send(server, http) == Reply(200, b"{}")
    with Server(respond_ok, certificate.serving()) as server:
        assert http.get(server.url, {}, QuickClock().monotonic() + 60) == Reply(200, b"{}")


@contextmanager
def not_trusted(folder: Path, kind: str) -> Iterator[tuple[Server, ProviderHttp]]:
    address = "127.0.0.2" if kind == "made for another address" else "127.0.0.1"
    certificate = make_certificate(folder, address)
    trusted = certificate.trusting() if address == "127.0.0.2" else None
    with Server(respond_ok, certificate.serving()) as server:
        yield server, ProviderHttp(QuickClock(), trusted)


@pytest.mark.parametrize("kind", ["of an unknown authority", "made for another address"])
def test_a_certificate_that_does_not_hold_is_never_sent_anything(tmp_path: Path, kind: str) -> None:
    with not_trusted(tmp_path, kind) as (server, http), pytest.raises(NeverSent):
        send(server, http)
    assert server.received == b""
    with not_trusted(tmp_path, kind) as (server, http), pytest.raises(NoResponse):
        http.get(server.url, {}, QuickClock().monotonic() + 60)
    assert server.received == b""


def test_the_roots_that_are_trusted_are_read_once_for_all_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Reading them takes longer than a whole job does."""
    certificate = make_certificate(tmp_path)
    http = ProviderHttp(QuickClock(), certificate.trusting())
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", None)
    for _ in range(2):
        with Server(respond_ok, certificate.serving()) as server:
            assert send(server, http).status == 200


def test_a_response_that_drips_past_the_deadline_is_none() -> None:
    clock = MovedClock()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n ")
        clock.ahead = 60.0
        drip(connection, b" " * 59)

    with Server(serve) as server, pytest.raises(NoResponse):
        ProviderHttp(clock).send_once(server.url, {}, b"{}", clock.monotonic() + 60)


def refuse_early(connection: socket.socket) -> None:
    """As servers do with a body that is too long: responds after the first bytes and closes the
    connection."""
    connection.sendall(
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.1)


def test_a_refusal_before_the_body_was_read_is_received() -> None:
    with Server(refuse_early) as server:
        assert send(server, body=b"x" * 8_000_000) == Reply(413, b"{}")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b" " * 300_000,
        b"hello\r\n\r\n",
    ],
    ids=["none", "cut short", "badly chunked", "not what it says", "too long", "not HTTP"],
)
def test_a_response_that_is_not_whole_and_bounded_is_none(response: bytes) -> None:
    with (
        Server(lambda connection: connection.sendall(response)) as server,
        pytest.raises(NoResponse),
    ):
        send(server)


def compressed(body: bytes) -> bytes:
    packed = gzip.compress(body)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\nContent-Length: {len(packed)}\r\n\r\n"
    return head.encode() + packed


def test_a_compressed_response_that_is_cut_short_is_none() -> None:
    packed = gzip.compress(b'{"code": 0}')[:-9]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    with (
        Server(lambda connection: connection.sendall(head.encode() + packed)) as server,
        pytest.raises(NoResponse),
    ):
        send(server)


def test_a_compressed_response_is_unpacked() -> None:
    with Server(lambda connection: connection.sendall(compressed(b"{}"))) as server:
        assert send(server) == Reply(200, b"{}")


def test_a_small_response_that_unpacks_to_a_large_one_is_none() -> None:
    bomb = compressed(b" " * 50_000_000)
    with (
        Server(lambda connection: connection.sendall(bomb)) as server,
        pytest.raises(NoResponse),
    ):
        send(server)


@pytest.mark.protocol("no-redirect")
def test_a_redirect_is_a_response_and_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with Server(lambda connection: connection.sendall(moved)) as server:
        assert send(server).status == 302
    with Server(lambda connection: connection.sendall(moved)) as server:
        assert (
            ProviderHttp(QuickClock()).get(server.url, {}, QuickClock().monotonic() + 60).status
            == 302
        )


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server(respond_ok) as server:
        assert send(server).status == 200


@pytest.mark.protocol("window")
def test_a_window_that_is_over_sends_nothing() -> None:
    with Server(respond_ok) as server:
        with pytest.raises(NeverSent):
            send(server, seconds=-1)
        with pytest.raises(NoResponse):
            ProviderHttp(QuickClock()).get(server.url, {}, QuickClock().monotonic() - 1)
    assert server.received == b""


def test_a_connection_established_too_late_carries_nothing() -> None:
    with Server(respond_ok) as server, pytest.raises(NeverSent):
        ProviderHttp(Stopwatch(0.0, 9.0)).send_once(server.url, {}, b"{}", until=8.0)
    assert server.received == b""


@pytest.mark.protocol("never-sent-again")
def test_a_request_without_a_response_may_have_arrived() -> None:
    with Server(lambda connection: None) as server, pytest.raises(NoResponse):
        ProviderHttp(Stopwatch(0.0)).send_once(server.url, {}, b"{}", until=8.0)
    assert server.received.startswith(b"POST /path ")


def test_an_address_is_requested_with_its_query() -> None:
    with Server(respond_ok) as server:
        http, until = ProviderHttp(QuickClock()), QuickClock().monotonic() + 60
        http.send_once(server.url.replace("/path", "?a=b"), {}, b"{}", until)
    assert server.received.startswith(b"POST /?a=b ")
