"""Kept connections: which are used again, and what a request raises."""

import socket
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3 import HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError

from service.outbound.network import IDLE_SECONDS, Network, NotConnected
from tests.doubles.certificate import Certificate, make_certificate
from tests.doubles.quick import MovedClock
from tests.doubles.slow_servers import SlowServer
from tests.faults.connections.server import CORK

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
SIZE = 2


class Counting:
    """Responds to the nth request with what `responses` says, or with `ok`, and counts
    connections."""

    def __init__(self, *responses: tuple[bytes, ...]) -> None:
        self._responses = list(responses)
        self.connections = 0
        self.barrier = threading.Barrier(1)

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        while _received(connection):
            self.barrier.wait(60)
            _send_together(
                connection, self._responses.pop(0) if self._responses else (RESPONSE + b"ok",)
            )


def _send_together(connection: socket.socket, parts: tuple[bytes, ...]) -> None:
    """In one segment of TCP, each in a record of its own over TLS."""
    connection.setsockopt(socket.IPPROTO_TCP, CORK, 1)
    for part in parts:
        connection.sendall(part)
    connection.setsockopt(socket.IPPROTO_TCP, CORK, 0)


def _received(connection: socket.socket) -> bool:
    """Whether a whole request came before the end."""
    text = b""
    while not text.endswith(b"\r\n\r\n{}"):
        received = connection.recv(65536)
        if not received:
            return False
        text += received
    return True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Stage:
    """A server, and a pool of connections to it."""

    def __init__(self, scheme: str, certificate: Certificate, serve: Counting) -> None:
        self.clock = MovedClock()
        self.server = SlowServer(serve, certificate.serving() if scheme == "https" else None)
        self.network = Network(self.clock)
        self.certificate = certificate
        self.pool = self.connected_to(self.server.url)

    def connected_to(self, url: str, received_bytes: int = 10_000) -> HTTPConnectionPool:
        pools = self.network.pool(self.certificate.trusting(), SIZE, received_bytes)
        return pools.connection_from_url(url)

    def __enter__(self) -> "Stage":
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()
        self.server.__exit__()

    def post(self, pool: HTTPConnectionPool | None = None) -> bytes:
        timeout = Timeout(total=60, connect=60, read=60)
        return (pool or self.pool).urlopen("POST", "/", body=b"{}", timeout=timeout).data


def test_a_connection_is_used_again(scheme: str, certificate: Certificate) -> None:
    serve = Counting()
    with Stage(scheme, certificate, serve) as stage:
        assert [stage.post(), stage.post()] == [b"ok", b"ok"]
    assert serve.connections == 1


def test_a_second_response_is_not_the_next_requests(scheme: str, certificate: Certificate) -> None:
    """Over TLS it can be there already, where polling the socket does not show it. Both come in
    one segment: one that comes while the next request is sent looks like its response."""
    filler = b"x" * 20_000
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + filler
    serve = Counting((long, RESPONSE + b"no"))
    with Stage(scheme, certificate, serve) as stage:
        pool = stage.connected_to(stage.server.url, 100_000)
        assert stage.post(pool) == filler
        assert stage.post(pool) == b"ok"
        pool.close()


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"103 Early Hints"])
def test_what_follows_an_interim_response_is_not_the_next_requests(
    scheme: str, certificate: Certificate, status: bytes
) -> None:
    """The final response may still be under way when the next request is sent."""
    serve = Counting((b"HTTP/1.1 " + status + b"\r\n\r\n",), (RESPONSE + b"no", RESPONSE + b"no"))
    with Stage(scheme, certificate, serve) as stage:
        with pytest.raises(HTTPError, match="interim"):
            stage.post()
        stage.post()
    assert serve.connections == 2


def test_100_continue_is_skipped(scheme: str, certificate: Certificate) -> None:
    serve = Counting((b"HTTP/1.1 100 Continue\r\n\r\n", RESPONSE + b"ok"))
    with Stage(scheme, certificate, serve) as stage:
        assert stage.post() == b"ok"


@pytest.mark.parametrize(("idle_seconds", "connections"), [(-10.0, 1), (1.0, 2)])
def test_a_connection_that_was_idle_too_long_is_replaced(
    scheme: str, certificate: Certificate, idle_seconds: float, connections: int
) -> None:
    serve = Counting()
    with Stage(scheme, certificate, serve) as stage:
        stage.post()
        stage.clock.ahead = IDLE_SECONDS + idle_seconds
        stage.post()
    assert serve.connections == connections


def test_a_connection_is_verified_again_when_it_is_replaced(certificate: Certificate) -> None:
    serve = Counting()
    with warnings.catch_warnings(), Stage("https", certificate, serve) as stage:
        warnings.simplefilter("error")
        stage.post()
        stage.clock.ahead = IDLE_SECONDS + 1
        stage.post()
        [kept] = [each for each in stage.pool.pool.queue if each]
        assert kept.is_verified
    assert serve.connections == 2


def test_only_a_connection_that_never_came_about_is_not_connected(
    scheme: str, certificate: Certificate
) -> None:
    with Stage(scheme, certificate, Counting((b"no response of HTTP\r\n",))) as stage:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            pool = stage.connected_to(f"{scheme}://127.0.0.1:{unused.getsockname()[1]}")
            with pytest.raises(NotConnected):
                stage.post(pool)
        with pytest.raises(HTTPError) as raised:
            stage.post()
        assert not isinstance(raised.value, NotConnected)


def test_a_failed_handshake_is_not_connected(certificate: Certificate, tmp_path: Path) -> None:
    with Stage("https", certificate, Counting()) as stage:
        stage.certificate = make_certificate(tmp_path)
        with pytest.raises(NotConnected, match="CERTIFICATE_VERIFY_FAILED"):
            stage.post(stage.connected_to(stage.server.url))


def test_the_limit_of_bytes_is_for_each_request(scheme: str, certificate: Certificate) -> None:
    body = b"x" * 6000
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + body
    longer = b"HTTP/1.1 200 OK\r\nContent-Length: 12000\r\n\r\n" + 2 * body
    with Stage(scheme, certificate, Counting((response,), (response,), (longer,))) as stage:
        assert [stage.post(), stage.post()] == [body, body]
        with pytest.raises(HTTPError, match="ReceivedTooMuch"):
            stage.post()
        assert stage.post() == b"ok"


def test_no_more_connections_are_kept_than_the_pools_size(
    scheme: str, certificate: Certificate
) -> None:
    serve = Counting()
    with Stage(scheme, certificate, serve) as stage:
        serve.barrier = threading.Barrier(3 * SIZE)
        threads = [threading.Thread(target=stage.post) for _ in range(3 * SIZE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert serve.connections == 3 * SIZE
        assert len(list(_open_connections(stage.pool))) <= SIZE
        serve.barrier = threading.Barrier(1)
        stage.post()
        assert serve.connections == 3 * SIZE


def _open_connections(pool: HTTPConnectionPool) -> Iterator[object]:
    return (each for each in pool.pool.queue if each is not None and each.sock)
