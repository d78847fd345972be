"""Connections to other systems: each step of opening one is within the same time limit."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from service.core.clock import SystemClock
from service.outbound.network import MAX_LOOKUPS, Network
from service.outbound.sockets import MAX_RECEIVED_BYTES, BoundedSocket, ReceivedTooMuch
from tests.doubles.clock import FakeClock
from tests.doubles.eventually import WAIT_SECONDS, eventually

SECONDS = 0.3
MANY = 32


def addresses(*hosts: str) -> Any:
    """A name server that returns these addresses for any name."""

    def resolve(name: str, port: int, *_: object) -> list[Any]:
        del name
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)) for host in hosts]

    return resolve


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_name_that_is_not_resolved_in_time_is_given_up() -> None:
    hanging, ended = threading.Event(), []

    def resolve(*_: object) -> list[Any]:
        ended.append(hanging.wait(WAIT_SECONDS))
        return []

    with pytest.raises(TimeoutError):
        Network(SystemClock(), resolve).connected("vendor.example.com", 443, SECONDS, ())
    assert ended == []
    hanging.set()


def test_a_name_server_that_hangs_occupies_few_threads() -> None:
    """gevent looks names up in ten threads for the whole process."""
    hanging, begun = threading.Event(), []

    def resolve(name: str, *_: object) -> list[Any]:
        begun.append(name)
        hanging.wait(WAIT_SECONDS)
        return []

    network = Network(SystemClock(), resolve)
    for number in range(MAX_LOOKUPS + 3):
        with pytest.raises(TimeoutError):
            network.connected(f"vendor-{number}.example.com", 443, 0.05, ())
    eventually(lambda: len(begun) >= MAX_LOOKUPS)
    assert len(begun) == MAX_LOOKUPS
    hanging.set()


def test_who_needs_the_same_name_waits_for_the_same_lookup() -> None:
    found, begun = threading.Event(), []

    def resolve(name: str, port: int, *_: object) -> list[Any]:
        begun.append(name)
        found.wait(WAIT_SECONDS)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    network = Network(SystemClock(), resolve)
    with listening() as port, ThreadPoolExecutor(MANY) as pool:
        opened = [
            pool.submit(network.connected, "vendor.example.com", port, WAIT_SECONDS, ())
            for _ in range(MANY)
        ]
        while len(begun) < 1 or sum(each.running() for each in opened) < MANY:
            time.sleep(0.001)
        found.set()
        for each in opened:
            each.result().close()
        assert len(begun) < MANY
        # What was found is not kept.
        network.connected("vendor.example.com", port, WAIT_SECONDS, ()).close()
        assert begun[1:] != []


def test_one_that_hangs_does_not_keep_later_ones_from_trying() -> None:
    hanging, tries = threading.Event(), []

    def resolve(name: str, port: int, *_: object) -> list[Any]:
        tries.append(name)
        if len(tries) == 1:
            hanging.wait(WAIT_SECONDS)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    network = Network(SystemClock(), resolve)
    with listening() as port:
        with pytest.raises(TimeoutError):
            network.connected("vendor.example.com", port, SECONDS, ())
        eventually(lambda: len(tries) == 1)
        network.connected("vendor.example.com", port, WAIT_SECONDS, ()).close()
    hanging.set()


def test_a_lookup_for_which_no_thread_is_left_fails_and_keeps_no_place() -> None:
    refused = []

    def start(work: Callable[[], None]) -> None:
        if len(refused) < MAX_LOOKUPS:
            refused.append(work)
            raise RuntimeError("can't start new thread")
        work()

    network = Network(SystemClock(), addresses("127.0.0.1"), start)
    with listening() as port:
        for _ in range(MAX_LOOKUPS):
            with pytest.raises(OSError, match="new thread"):
                network.connected("vendor.example.com", port, WAIT_SECONDS, ())
        network.connected("vendor.example.com", port, WAIT_SECONDS, ()).close()


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), UnicodeError("label")])
def test_a_name_that_does_not_exist_is_an_error_of_the_network(failure: Exception) -> None:
    def resolve(*_: object) -> list[Any]:
        raise failure

    with pytest.raises(OSError, match=r"unknown|label"):
        Network(SystemClock(), resolve).connected("vendor.example.com", 443, WAIT_SECONDS, ())


def test_a_name_without_addresses_is_an_error_of_the_network() -> None:
    with pytest.raises(OSError, match="no address"):
        Network(SystemClock(), addresses()).connected("vendor.example.com", 443, WAIT_SECONDS, ())


def test_an_address_where_no_one_listens_leaves_the_others_to_try() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]

        def resolve(*_: object) -> list[Any]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)),
                (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", port, 0, 0)),
            ]

        network = Network(SystemClock(), resolve)
        with network.connected("vendor.example.com", port, WAIT_SECONDS, ()) as connected:
            assert connected.getpeername()[0] == "::1"


def test_addresses_share_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no address responds, four of them take no longer than one."""

    clock, waits = FakeClock(), []

    def hang(self: BoundedSocket, address: object) -> None:
        del address
        waits.append(self.gettimeout() or 0)
        clock.advance(waits[-1])
        raise TimeoutError

    monkeypatch.setattr(BoundedSocket, "connect", hang)
    network = Network(clock, addresses(*["192.0.2.1"] * 4))
    with pytest.raises(TimeoutError):
        network.connected("vendor.example.com", 443, WAIT_SECONDS, ())
    assert waits == pytest.approx([WAIT_SECONDS / 4] * 4)


def test_a_connected_socket_keeps_what_is_left_of_the_limit() -> None:
    clock, found = FakeClock(), addresses("127.0.0.1")

    def resolve(*arguments: object) -> list[Any]:
        clock.advance(WAIT_SECONDS - SECONDS)
        return list(found(*arguments))

    with listening() as port:
        network = Network(clock, resolve)
        with network.connected("vendor.example.com", port, WAIT_SECONDS, ()) as connected:
            with pytest.raises(TimeoutError):
                connected.recv(1)
            assert connected.gettimeout() == pytest.approx(SECONDS)
            clock.advance(SECONDS)
            with pytest.raises(TimeoutError, match="over"):
                connected.sendall(b"x")


def read_all(bounded: BoundedSocket) -> None:
    while bounded.recv(65536):
        pass


def test_more_than_any_response_is_not_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bounded = BoundedSocket(socket.AF_INET, SystemClock())
        bounded.settimeout(WAIT_SECONDS)
        bounded.connect_within(WAIT_SECONDS, listener.getsockname())
        connection, _ = listener.accept()

        def flood() -> None:
            with connection:
                connection.sendall(b" " * (MAX_RECEIVED_BYTES + 1))

        sender = threading.Thread(target=flood)
        sender.start()
        with bounded, pytest.raises(ReceivedTooMuch):
            read_all(bounded)
        sender.join()


def test_a_socket_has_to_have_a_limit() -> None:
    with (
        BoundedSocket(socket.AF_INET, SystemClock()) as bounded,
        pytest.raises(ValueError, match="limit"),
    ):
        bounded.settimeout(None)


def test_a_socket_is_quiet_until_something_comes_in_or_it_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = Network(SystemClock(), addresses("127.0.0.1"))
        connected = network.connected(
            "vendor.example.com", listener.getsockname()[1], WAIT_SECONDS, ()
        )
        other, _ = listener.accept()
        assert connected.is_quiet()
        other.sendall(b"x")
        assert connected.recv(1) == b"x"
        assert connected.is_quiet()
        other.sendall(b"y")
        while connected.is_quiet():
            time.sleep(0.01)
        assert connected.recv(1) == b"y"
        other.close()
        while connected.is_quiet():
            time.sleep(0.01)
        connected.close()
    assert not connected.is_quiet()
