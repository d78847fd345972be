"""A file is handed on only as far as it is whole, bounded, and in time."""

import socket

import pytest

from service.core.clock import SystemClock
from service.outbound.addresses import public_only
from service.outbound.network import Network
from service.outbound.trust import public_roots
from service.providers.downloads import DownloadFailed, Downloads
from tests.doubles.slow_servers import SlowServer, drip_body, drip_head, flood_continue

MAX_BYTES = 100_000
CLOCK = SystemClock()
DOWNLOADS = Downloads(Network(CLOCK), public_roots(), CLOCK, MAX_BYTES)


def sending(response: bytes) -> SlowServer:
    """A server that sends that and hangs up."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(response)

    return SlowServer(serve)


def fetched(url: str, seconds: float = 60.0, piece_bytes: int = 1000) -> list[bytes]:
    with DOWNLOADS.pieces(url, piece_bytes, CLOCK.monotonic() + seconds) as pieces:
        return list(pieces)


def whole(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def test_a_file_comes_in_pieces_of_the_size_that_is_wanted() -> None:
    with sending(whole(b"a" * 2500)) as server:
        assert [len(piece) for piece in fetched(server.url)] == [1000, 1000, 500]


def test_a_file_in_chunks_is_whole_with_its_last_chunk() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with sending(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") as server:
        assert fetched(server.url) == [b"abcde"]
    with sending(head + b"3\r\nabc\r\n2\r\nd") as server, pytest.raises(DownloadFailed):
        fetched(server.url)
    endless = b"%x\r\n%s\r\n" % (50_000, b"a" * 50_000)
    with sending(head + endless * 3) as server, pytest.raises(DownloadFailed, match="too large"):
        fetched(server.url)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        whole(b"a" * 900)[:-1],
        b"HTTP/1.1 200 OK\r\n\r\nabc",
        whole(b"a" * (MAX_BYTES + 1)),
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\na",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_is_not_whole_or_not_the_file_is_refused(response: bytes) -> None:
    with sending(response) as server, pytest.raises(DownloadFailed):
        fetched(server.url)


@pytest.mark.parametrize("serve", [drip_head, drip_body, flood_continue])
def test_one_time_limit_holds_for_all_of_it(serve: object) -> None:
    with SlowServer(serve) as server, pytest.raises(DownloadFailed):  # type: ignore[arg-type]
        fetched(server.url, seconds=0.2)


def test_no_request_is_sent_without_time_or_to_what_is_no_address() -> None:
    for url, seconds in (("http://127.0.0.1:1/", 0.0), ("http://[::1/", 1.0), ("ftp://x/", 1.0)):
        with pytest.raises(DownloadFailed):
            fetched(url, seconds=seconds)


def test_a_private_address_is_not_connected_to_where_only_public_ones_may_be() -> None:
    network = Network(CLOCK, public_only(socket.getaddrinfo))
    downloads = Downloads(network, public_roots(), CLOCK, MAX_BYTES)
    with (
        sending(whole(b"secret")) as server,
        pytest.raises(DownloadFailed),
        downloads.pieces(server.url, 10, CLOCK.monotonic() + 60),
    ):
        pass
