"""When a request is worth a thread, and how long a socket makes one wait."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.clock import SystemClock
from service.web.arrivals import MAX_HEAD_BYTES, Arrival, Patience, PatientSocket
from service.web.endpoint import SMALL_BODY_BYTES
from service.web.request_errors import BodyTimeout, UploadsBusy

HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\n"


def with_length(length: int) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % length


WORTH_A_THREAD = {
    "no body": b"GET / HTTP/1.1\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\n\r\n",
    "a body that is here": with_length(2) + b"{}",
    "a body and more": with_length(2) + b"{}GET",
    "a length in odd letters": HEAD + b"cONTENT-lENGTH:\t 2 \r\n\r\n{}",
    "a large body": with_length(SMALL_BODY_BYTES + 1),
    "an endless length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    "chunks and a length": HEAD + b"Content-Length: 5\r\ntransfer-encoding:chunked\r\n\r\n",
    "a body to be asked for": HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "a head that is too large": b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES,
    "another protocol": b"GET /\r\n",
    "a later protocol": b"GET / HTTP/3.0\r\n",
    "a bare line feed": b"GET / HTTP/1.1\n",
    "a bare line feed further on": b"GET / HTTP/1.1\r\nX: y\nZ",
}
NOT_YET = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a line": b"GET / HT",
    "a line": b"GET / HTTP/1.1\r\n",
    "half an end": b"GET / HTTP/1.1\r\nHost: x\r\n\r",
    "a body to come": with_length(SMALL_BODY_BYTES),
    "half a body": with_length(2) + b"{",
}


def arrived(request: bytes, pieces: int = 1) -> Arrival:
    arrival = Arrival()
    size = max(1, len(request) // pieces)
    for at in range(0, len(request), size):
        arrival.add(request[at : at + size])
    return arrival


@pytest.mark.parametrize("request_bytes", WORTH_A_THREAD.values(), ids=WORTH_A_THREAD)
def test_what_can_be_answered_or_refused_is_in(request_bytes: bytes) -> None:
    assert arrived(request_bytes).is_in
    assert arrived(request_bytes, pieces=50).is_in


@pytest.mark.parametrize("request_bytes", NOT_YET.values(), ids=NOT_YET)
def test_what_is_not_whole_is_not_in(request_bytes: bytes) -> None:
    assert not arrived(request_bytes).is_in


@given(st.lists(st.integers(0, 120), max_size=8), st.integers(0, 50))
def test_it_is_in_with_its_last_byte_however_it_is_cut(cuts: list[int], length: int) -> None:
    request, arrival, before = with_length(length) + b"x" * length, Arrival(), 0
    for cut in sorted({cut for cut in cuts if cut < len(request)}):
        arrival.add(request[before:cut])
        before = cut
        assert not arrival.is_in
    arrival.add(request[before:])
    assert arrival.is_in
    assert arrival.take() == request
    assert not arrival.is_in


@dataclass
class Pair:
    ours: PatientSocket
    client: socket.socket
    places: threading.Semaphore


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a connection with a patience of a tenth of a second and one place to wait."""
    taken, client = socket.socketpair()
    places = threading.Semaphore(1)
    with PatientSocket(taken, Patience(0.1, 1), places, SystemClock()) as ours, client:
        yield Pair(ours, client, places)


def test_bytes_that_are_here_are_received_without_a_place(pair: Pair) -> None:
    pair.places.acquire()
    pair.client.sendall(b"abc")
    pair.ours.begin()
    assert pair.ours.recv(2) == b"ab"
    assert pair.ours.recv(2) == b"c"
    with pytest.raises(UploadsBusy):
        pair.ours.recv(2)


def test_the_time_is_one_for_the_whole_request_however_the_bytes_drip(pair: Pair) -> None:
    over = threading.Event()

    def drip() -> None:
        for _ in range(2_000):
            if over.wait(0.005):
                return
            pair.client.send(b"x")

    dripping = threading.Thread(target=drip)
    pair.ours.begin()
    dripping.start()
    with pytest.raises(BodyTimeout):
        exhaust(pair.ours)
    assert dripping.is_alive()
    over.set()
    dripping.join()


def exhaust(sock: PatientSocket) -> None:
    while sock.recv(1):
        pass


def test_bytes_that_are_here_too_late_are_not_received(pair: Pair) -> None:
    pair.client.sendall(b"x")
    pair.ours.begin()
    time.sleep(0.15)
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)


def test_what_comes_in_earns_time(pair: Pair) -> None:
    end = pair.ours.begin()
    pair.client.sendall(b"x" * 52_429)
    received = 0
    while received < 52_429:
        received += len(pair.ours.recv(65_536))
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)
    assert time.monotonic() >= end + 0.05


def test_a_place_is_kept_until_the_request_is_over(pair: Pair) -> None:
    pair.ours.begin()
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)
    assert not pair.places.acquire(blocking=False)
    pair.ours.rest()
    pair.ours.rest()
    assert pair.places.acquire(blocking=False)
    assert not pair.places.acquire(blocking=False)


def test_in_a_hurry_nothing_is_waited_for_and_no_place_taken(pair: Pair) -> None:
    pair.ours.begin()
    pair.ours.hurry()
    with pytest.raises(BodyTimeout):
        pair.ours.recv(1)
    assert pair.places.acquire(blocking=False)


@pytest.mark.parametrize("places", [0, 1])
def test_a_client_that_takes_no_answer_is_given_up(pair: Pair, places: int) -> None:
    if not places:
        pair.places.acquire()
    with pytest.raises(ConnectionResetError):
        pair.ours.sendall(b"x" * 10_000_000)


def test_a_slow_reader_in_time_gets_all(pair: Pair) -> None:
    data = bytes(range(256)) * 20_000
    reading: list[bytes] = []

    def read() -> None:
        while sum(map(len, reading)) < len(data):
            reading.append(pair.client.recv(65_536))

    reader = threading.Thread(target=read)
    reader.start()
    pair.ours.sendall(data)
    reader.join(10)
    assert b"".join(reading) == data


def test_nothing_there_is_told_from_nobody_there(pair: Pair) -> None:
    assert pair.ours.receive_now() is None
    pair.client.sendall(b"x")
    assert pair.ours.receive_now() == b"x"
    pair.client.close()
    assert pair.ours.receive_now() == b""
