"""How long a client's connection makes us wait, and what it may cost."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import gevent
import pytest
from gevent.socket import socket as GeventSocket  # noqa: N812
from gevent.socket import socketpair
from gunicorn.http.errors import LimitRequestHeaders

from service.core.clock import SystemClock
from service.web.receiving import (
    MAX_HEAD_BYTES,
    SMALL_BODY_BYTES,
    ClientSocket,
    Connections,
    Uploads,
)
from service.web.request_errors import BodyTimeout, UploadsBusy

RECEIVE_SECONDS = 0.1
IDLE_SECONDS = 0.3
UPLOAD_BYTES = 1_000_000


class House:
    """One process's connections, at most two."""

    def __init__(self) -> None:
        self.connections = Connections(2)
        self.uploads = Uploads(UPLOAD_BYTES)
        self._sockets: list[GeventSocket] = []

    def connected(self) -> "Pair":
        accepted, client = socketpair()
        ours = ClientSocket(
            accepted, RECEIVE_SECONDS, self.connections, self.uploads, SystemClock()
        )
        self._sockets += [ours, client]
        return Pair(ours, client)

    def close(self) -> None:
        for each in reversed(self._sockets):
            each.close()


@dataclass
class Pair:
    """Two ends of a connection."""

    ours: ClientSocket
    client: GeventSocket

    def begin_request(self) -> None:
        self.client.sendall(b"G")
        assert self.ours.recv(1) == b"G"

    def receive(self, count: int) -> None:
        while count > 0:
            count -= len(self.ours.recv(65_536))


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def pair(house: House) -> Pair:
    return house.connected()


def elapsed(since: float) -> float:
    return SystemClock().monotonic() - since


def test_a_connection_that_begins_no_request_ends_in_silence(pair: Pair) -> None:
    began = SystemClock().monotonic()
    assert pair.ours.recv(1) == b""
    assert 0.9 * RECEIVE_SECONDS < elapsed(began) < 3 * RECEIVE_SECONDS


def test_the_time_is_one_for_the_whole_request_however_the_bytes_drip(pair: Pair) -> None:
    def drip() -> None:
        while True:
            pair.client.send(b"x")
            gevent.sleep(0.005)

    dripping = gevent.spawn(drip)
    began = SystemClock().monotonic()
    with pytest.raises(BodyTimeout):
        pair.receive(1_000_000)
    assert elapsed(began) < 3 * RECEIVE_SECONDS
    assert not dripping.ready()
    dripping.kill()


def test_bytes_that_are_here_too_late_are_not_received(pair: Pair) -> None:
    pair.begin_request()
    pair.client.sendall(b"x")
    gevent.sleep(2 * RECEIVE_SECONDS)
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)


def test_what_is_received_earns_time(pair: Pair) -> None:
    pair.begin_request()
    pair.ours.expect_body()
    began = SystemClock().monotonic()
    gevent.spawn(pair.client.sendall, b"x" * 500_000)
    pair.receive(500_000)
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)
    assert elapsed(began) >= RECEIVE_SECONDS + 0.4


def test_an_idle_connection_is_kept_longer_and_its_next_request_has_its_own_time(
    pair: Pair,
) -> None:
    pair.begin_request()
    pair.ours.expect_request(IDLE_SECONDS, has_begun=False)
    gevent.spawn_later(2 * RECEIVE_SECONDS, pair.client.sendall, b"x")
    assert pair.ours.recv(1) == b"x"
    began = SystemClock().monotonic()
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)
    assert elapsed(began) > 0.7 * RECEIVE_SECONDS


def test_an_idle_connection_ends_in_silence(pair: Pair) -> None:
    pair.begin_request()
    pair.ours.expect_request(IDLE_SECONDS, has_begun=False)
    assert pair.ours.recv(1) == b""


def test_a_request_that_came_with_the_last_one_has_no_idle_time(pair: Pair) -> None:
    pair.begin_request()
    pair.ours.expect_request(IDLE_SECONDS, has_begun=True)
    began = SystemClock().monotonic()
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)
    assert elapsed(began) < IDLE_SECONDS


def test_a_head_without_end_is_not_kept(pair: Pair) -> None:
    gevent.spawn(pair.client.sendall, b"x" * (MAX_HEAD_BYTES * 3))
    with pytest.raises(LimitRequestHeaders):
        pair.receive(MAX_HEAD_BYTES * 3)


def test_large_bodies_share_their_memory_until_each_request_is_over(house: House) -> None:
    first, second = house.connected(), house.connected()
    for each in (first, second):
        each.begin_request()
        each.ours.expect_body()
        gevent.spawn(each.client.sendall, b"x" * 600_000)
    first.receive(600_000)
    with pytest.raises(UploadsBusy):
        second.receive(600_000)
    first.ours.expect_request(IDLE_SECONDS, has_begun=False)
    second.receive(1)
    second.ours.close()
    house.uploads.take(UPLOAD_BYTES)
    with pytest.raises(UploadsBusy):
        house.uploads.take(1)


def test_small_bodies_need_none_of_that_memory(house: House, pair: Pair) -> None:
    house.uploads.take(UPLOAD_BYTES)
    pair.begin_request()
    pair.ours.expect_body()
    pair.client.sendall(b"x" * (SMALL_BODY_BYTES - 10))
    pair.receive(SMALL_BODY_BYTES - 10)


def test_a_client_that_does_not_take_its_response_is_given_up(pair: Pair) -> None:
    with pytest.raises(ConnectionResetError):
        pair.ours.sendall(b"x" * 10_000_000)


def test_a_slow_reader_in_time_gets_all(pair: Pair) -> None:
    data = bytes(range(256)) * 4_000

    def read() -> bytes:
        received = bytearray()
        while len(received) < len(data):
            received += pair.client.recv(65_536)
        return bytes(received)

    reading = gevent.spawn(read)
    pair.ours.sendall(data)
    assert reading.get(timeout=10) == data


@pytest.mark.parametrize("begins", [True, False], ids=["one that drips", "a silent one"])
def test_the_oldest_waiting_connection_makes_room(house: House, begins: bool) -> None:
    first, second = house.connected(), house.connected()
    if begins:
        first.begin_request()
    waiting = [gevent.spawn(each.ours.recv, 1) for each in (first, second)]
    gevent.sleep(0)
    third = house.connected()
    assert waiting[0].get(timeout=RECEIVE_SECONDS / 2) == b""
    assert not waiting[1].ready()
    third.begin_request()


def test_a_request_that_is_being_served_makes_no_room(house: House) -> None:
    served, waiting = house.connected(), house.connected()
    for each in (served, waiting):
        reading = gevent.spawn(each.ours.recv, 1)
        gevent.sleep(0)
        each.client.sendall(b"G")
        reading.join()
    served.ours.expect_body()
    reading = gevent.spawn(waiting.ours.recv, 1)
    gevent.sleep(0)
    house.connected()
    assert reading.get(timeout=RECEIVE_SECONDS / 2) == b""
    served.ours.sendall(b"response")
    assert served.client.recv(8) == b"response"


def test_a_stopping_process_ends_only_the_connections_on_which_nothing_has_come(
    house: House,
) -> None:
    silent, dripping = house.connected(), house.connected()
    dripping.begin_request()
    waiting = [gevent.spawn(each.ours.recv, 1) for each in (silent, dripping)]
    gevent.sleep(0)
    house.connections.cut_silent(since=SystemClock().monotonic() - 10)
    gevent.sleep(0.01)
    assert not waiting[0].ready(), "it has been silent for a moment only"
    house.connections.cut_silent(since=SystemClock().monotonic())
    assert waiting[0].get(timeout=RECEIVE_SECONDS / 2) == b""
    assert not waiting[1].ready()
    with pytest.raises(BodyTimeout):
        waiting[1].get(timeout=3 * RECEIVE_SECONDS)


def test_closing_does_not_reset_a_response_that_overtakes_the_request(pair: Pair) -> None:
    """Closing a socket with bytes unread resets the connection, and the client may lose the
    response."""
    pair.begin_request()
    pair.client.sendall(b"more")
    pair.ours.sendall(b"response")
    closing = gevent.spawn(pair.ours.close)
    gevent.sleep(0.01)
    assert pair.client.recv(100) == b"response"
    assert pair.client.recv(100) == b""
    pair.client.shutdown(socket.SHUT_WR)
    closing.get(timeout=1)
