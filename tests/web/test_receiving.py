"""How long a client's connection makes us wait, and what it may cost.

The clock stands until a test moves it, so no pause of a busy machine counts. Only what a socket
waits for takes time: `SHORT_SECONDS` where nothing will come, `RECEIVE_SECONDS` at most where
something will."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

import gevent
import pytest
from gevent.socket import socket as GeventSocket  # noqa: N812
from gevent.socket import socketpair
from gunicorn.http.errors import LimitRequestHeaders

from service.core.clock import SystemClock
from service.core.shares import NothingLeft, Shares
from service.web.pace import MIN_BYTES_PER_SECOND
from service.web.receiving import (
    MAX_HEAD_BYTES,
    SMALL_BODY_BYTES,
    ClientSocket,
    Connections,
    Limits,
)
from service.web.request_errors import BodyTimeout, TooManyUploads, UploadsBusy
from tests.doubles.clock import FakeClock

RECEIVE_SECONDS = 24.0
SHORT_SECONDS = 0.1
MAX_RECEIVE_SECONDS = 2 * RECEIVE_SECONDS
IDLE_SECONDS = 3 * RECEIVE_SECONDS
UPLOAD_BYTES = 1_000_000
USER_UPLOAD_BYTES = 700_000
# A body that keeps coming, a little faster than it must.
PIECE_BYTES = 28_800
PIECE_SECONDS = 0.9 * PIECE_BYTES / MIN_BYTES_PER_SECOND
LIMITS = Limits(
    receive_seconds=RECEIVE_SECONDS,
    max_receive_seconds=MAX_RECEIVE_SECONDS,
    upload_bytes=UPLOAD_BYTES,
    user_upload_bytes=USER_UPLOAD_BYTES,
)


class House:
    """One process's connections, at most two."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self.clock = FakeClock()
        self.connections = Connections(2)
        self.uploads = Shares(limits.upload_bytes, limits.user_upload_bytes)
        self._sockets: list[GeventSocket] = []

    def connected(self) -> "Pair":
        accepted, client = socketpair()
        ours = ClientSocket(accepted, self._limits, self.connections, self.uploads, self.clock)
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

    def receive_pieces(self, count: int, size: int, clock: FakeClock, seconds: float) -> None:
        """So many pieces of that size, each of which is on its way for so long."""
        for _ in range(count):
            self.client.sendall(b"x" * size)
            clock.advance(seconds)
            self.receive(size)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def pair(house: House) -> Pair:
    return house.connected()


@pytest.fixture
def clock(house: House) -> FakeClock:
    return house.clock


@pytest.fixture
def short_pair() -> Iterator[Pair]:
    """On which nothing will come or go."""
    house = House(replace(LIMITS, receive_seconds=SHORT_SECONDS))
    yield house.connected()
    house.close()


def test_a_connection_that_begins_no_request_ends_in_silence(short_pair: Pair) -> None:
    began = SystemClock().monotonic()
    assert short_pair.ours.recv(1) == b""
    assert 0.9 * SHORT_SECONDS < SystemClock().monotonic() - began < MAX_RECEIVE_SECONDS


def test_the_time_is_one_for_the_whole_request_however_the_bytes_drip(
    pair: Pair, clock: FakeClock
) -> None:
    with pytest.raises(BodyTimeout):
        pair.receive_pieces(30, 1, clock, RECEIVE_SECONDS / 20)


def test_bytes_that_are_here_too_late_are_not_received(pair: Pair, clock: FakeClock) -> None:
    pair.begin_request()
    pair.client.sendall(b"x")
    clock.advance(RECEIVE_SECONDS + 1)
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)


def test_a_body_that_keeps_coming_is_received_however_long_it_takes(
    pair: Pair, clock: FakeClock
) -> None:
    pair.begin_request()
    pair.ours.expect_body()
    began = clock.monotonic()
    pair.receive_pieces(20, PIECE_BYTES, clock, PIECE_SECONDS)
    assert clock.monotonic() - began > RECEIVE_SECONDS


def test_what_came_fast_does_not_pay_for_a_pause(pair: Pair, clock: FakeClock) -> None:
    pair.begin_request()
    pair.ours.expect_body()
    gevent.spawn(pair.client.sendall, b"x" * 500_000)
    pair.receive(500_000)
    clock.advance(RECEIVE_SECONDS)
    pair.client.sendall(b"x")
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)


def test_a_body_that_keeps_coming_still_has_an_end(pair: Pair, clock: FakeClock) -> None:
    pair.begin_request()
    pair.ours.expect_body()
    began = clock.monotonic()
    with pytest.raises(BodyTimeout) as caught:
        pair.receive_pieces(50, PIECE_BYTES, clock, PIECE_SECONDS)
    assert MAX_RECEIVE_SECONDS <= clock.monotonic() - began < MAX_RECEIVE_SECONDS + PIECE_SECONDS
    assert caught.value.details == {
        "minBytesPerSecond": MIN_BYTES_PER_SECOND,
        "maxPauseSeconds": RECEIVE_SECONDS,
        "maxSeconds": MAX_RECEIVE_SECONDS,
    }


def test_an_idle_connection_is_kept_longer_and_its_next_request_has_its_own_time(
    pair: Pair, clock: FakeClock
) -> None:
    pair.begin_request()
    pair.ours.expect_request(IDLE_SECONDS, has_begun=False)
    for seconds in (IDLE_SECONDS - 1, RECEIVE_SECONDS - 1):
        clock.advance(seconds)
        pair.client.sendall(b"x")
        assert pair.ours.recv(1) == b"x"
    clock.advance(2)
    pair.client.sendall(b"x")
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)


def test_an_idle_connection_ends_in_silence(pair: Pair) -> None:
    pair.begin_request()
    pair.ours.expect_request(SHORT_SECONDS, has_begun=False)
    assert pair.ours.recv(1) == b""


def test_a_request_that_came_with_the_last_one_has_no_idle_time(
    pair: Pair, clock: FakeClock
) -> None:
    pair.begin_request()
    pair.ours.expect_request(IDLE_SECONDS, has_begun=True)
    clock.advance(RECEIVE_SECONDS)
    pair.client.sendall(b"x")
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)


def test_a_head_without_end_is_not_kept(pair: Pair) -> None:
    gevent.spawn(pair.client.sendall, b"x" * (MAX_HEAD_BYTES * 3))
    with pytest.raises(LimitRequestHeaders):
        pair.receive(MAX_HEAD_BYTES * 3)


def test_large_bodies_share_their_memory_until_each_request_is_over(house: House) -> None:
    first, second = house.connected(), house.connected()
    for each, user_id in ((first, "ann"), (second, "bob")):
        each.begin_request()
        each.ours.expect_body()
        each.ours.reserve_body(0, user_id)
        gevent.spawn(each.client.sendall, b"x" * 600_000)
    first.receive(600_000)
    with pytest.raises(UploadsBusy):
        second.receive(600_000)
    first.ours.expect_request(IDLE_SECONDS, has_begun=False)
    second.receive(1)
    second.ours.close()
    for name in ("ann", "bob"):
        house.uploads.take(name, UPLOAD_BYTES // 2)
    with pytest.raises(NothingLeft):
        house.uploads.take("cat", 1)


def test_a_body_is_refused_before_it_comes_when_its_memory_is_not_left(house: House) -> None:
    first, second, third = house.connected(), house.connected(), house.connected()
    first.ours.reserve_body(600_000, "ann")
    with pytest.raises(UploadsBusy):
        second.ours.reserve_body(600_000, "bob")
    third.ours.reserve_body(400_000, "bob")
    first.ours.expect_request(IDLE_SECONDS, has_begun=False)
    second.ours.reserve_body(600_000, "ann")


def test_one_user_takes_no_more_than_a_share(house: House) -> None:
    first, second, other = house.connected(), house.connected(), house.connected()
    first.ours.reserve_body(400_000, "ann")
    with pytest.raises(TooManyUploads):
        second.ours.reserve_body(400_000, "ann")
    other.ours.reserve_body(400_000, "bob")
    first.ours.close()
    second.ours.reserve_body(400_000, "ann")


def test_a_reserved_body_is_not_counted_again_while_it_comes(house: House, pair: Pair) -> None:
    pair.begin_request()
    pair.ours.expect_body()
    pair.ours.reserve_body(600_000, "ann")
    gevent.spawn(pair.client.sendall, b"x" * 600_000)
    pair.receive(600_000)
    house.uploads.take("bob", UPLOAD_BYTES - 600_000)


def test_small_bodies_need_none_of_that_memory(house: House, pair: Pair) -> None:
    for name in ("ann", "bob"):
        house.uploads.take(name, UPLOAD_BYTES // 2)
    pair.begin_request()
    pair.ours.expect_body()
    pair.client.sendall(b"x" * (SMALL_BODY_BYTES - 10))
    pair.receive(SMALL_BODY_BYTES - 10)


def test_a_client_that_does_not_take_its_response_is_given_up(short_pair: Pair) -> None:
    with pytest.raises(ConnectionResetError):
        short_pair.ours.sendall(b"x" * 10_000_000)


def test_a_slow_reader_in_time_gets_all(pair: Pair) -> None:
    data = bytes(range(256)) * 4_000

    def read() -> bytes:
        received = bytearray()
        while len(received) < len(data):
            received += pair.client.recv(65_536)
        return bytes(received)

    reading = gevent.spawn(read)
    pair.ours.sendall(data)
    assert reading.get(timeout=60) == data


def test_a_slow_reader_of_a_large_response_has_the_time_that_it_needs(
    pair: Pair, clock: FakeClock
) -> None:
    data = bytes(range(256)) * 16_000

    def read() -> bytes:
        received = bytearray()
        while len(received) < len(data):
            part = pair.client.recv(len(data) // 20)
            received += part
            clock.advance(1.5 * RECEIVE_SECONDS * len(part) / len(data))
            gevent.sleep(0)
        return bytes(received)

    reading = gevent.spawn(read)
    began = clock.monotonic()
    pair.ours.sendall(data)
    assert clock.monotonic() - began > RECEIVE_SECONDS
    assert reading.get(timeout=30) == data


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
    house: House, clock: FakeClock
) -> None:
    silent, dripping = house.connected(), house.connected()
    dripping.begin_request()
    waiting = [gevent.spawn(each.ours.recv, 1) for each in (silent, dripping)]
    gevent.sleep(0)
    house.connections.cut_silent(since=clock.monotonic() - 1)
    gevent.sleep(0.01)
    assert not waiting[0].ready(), "it has been silent for a moment only"
    house.connections.cut_silent(since=clock.monotonic())
    assert waiting[0].get(timeout=RECEIVE_SECONDS / 2) == b""
    assert not waiting[1].ready()
    dripping.client.sendall(b"x")
    assert waiting[1].get(timeout=RECEIVE_SECONDS / 2) == b"x"


def test_closing_does_not_reset_a_response_that_overtakes_the_request(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing a socket with bytes unread resets the connection, and the client may lose the
    response."""
    monkeypatch.setattr("service.web.receiving.CLOSING_SECONDS", 2 * RECEIVE_SECONDS)
    pair.begin_request()
    pair.client.sendall(b"more")
    pair.ours.sendall(b"response")
    closing = gevent.spawn(pair.ours.close)
    gevent.sleep(0.01)
    assert pair.client.recv(100) == b"response"
    assert pair.client.recv(100) == b""
    pair.client.shutdown(socket.SHUT_WR)
    closing.get(timeout=RECEIVE_SECONDS)
