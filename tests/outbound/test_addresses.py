"""Requests to names that others have chosen reach public addresses only."""

import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from urllib3 import Timeout

from service.core.clock import SystemClock
from service.outbound.addresses import AddressRefused, is_public, public_only
from service.outbound.network import Address, Network, NotConnected
from service.outbound.trust import public_roots

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "192.31.196.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.1.2.3",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.169.123",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:53aa:64c:0:5efe:a9fe:a9fe",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:a9fe:a9fe::",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "1.2.3.4.5",
    ],
)
def test_everything_else_is_not_public(address: str) -> None:
    assert not is_public(address)


def found(*addresses: str) -> list[Address]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]


def test_public_addresses_are_returned_as_they_were_found() -> None:
    assert public_only(lambda *_: found(PUBLIC, "8.8.8.8"))("name", 443) == found(PUBLIC, "8.8.8.8")


@pytest.mark.parametrize("others", [(), (PUBLIC,), ("8.8.8.8", PUBLIC)])
def test_one_address_that_is_not_public_refuses_them_all(others: Sequence[str]) -> None:
    with pytest.raises(AddressRefused):
        public_only(lambda *_: found(*others, "169.254.169.254"))("name", 443)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "localhost.",
        "[::1]",
    ],
)
def test_every_spelling_of_this_machine_is_refused(host: str) -> None:
    """By the system's own look-up, which understands all of them."""
    network = Network(SystemClock(), public_only(socket.getaddrinfo))
    with pytest.raises(NotConnected):
        get(network, f"http://{host}:9/")


class Listener:
    """A server on loopback that counts who connects."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]

    @property
    def was_reached(self) -> bool:
        try:
            self.socket.accept()[0].close()
        except TimeoutError:
            return False
        return True


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.socket.close()


def get(network: Network, url: str) -> None:
    pool = network.pool(public_roots(), 1)
    pool.request("GET", url, timeout=Timeout(total=60.0, connect=60.0), redirect=False)


def test_a_name_that_leads_elsewhere_later_is_resolved_again_and_refused(
    listener: Listener,
) -> None:
    """DNS rebinding: the name was public when somebody checked it, and is loopback at the
    connection."""
    addresses: Any = iter([[PUBLIC], ["127.0.0.1"]])

    def resolve(*_: object) -> list[Address]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, listener.port))
            for address in next(addresses)
        ]

    guarded = public_only(resolve)
    assert guarded("rebinding.example", listener.port)
    with pytest.raises(NotConnected):
        get(Network(SystemClock(), guarded), f"http://rebinding.example:{listener.port}/")
    assert not listener.was_reached


def test_the_connection_goes_to_the_address_that_was_checked(listener: Listener) -> None:
    """Nothing looks the name up a second time between the check and the connection."""
    lookups: list[object] = []

    def resolve(host: object, port: object, *_: object) -> list[Address]:
        lookups.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", listener.port))]

    network = Network(SystemClock(), resolve)
    connected = network.connected("pinned.example", listener.port, 60.0, ())
    connected.close()
    assert lookups == ["pinned.example"]
    assert listener.was_reached
