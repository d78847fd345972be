"""What a server does to a new connection, before a request can come."""

import time
from collections.abc import Callable, Mapping

from tests.faults.connections.authority import Certificates
from tests.faults.connections.server import HANG_SECONDS, Connection, Greet, Truth

# The head of a TLS record that carries the response to a client's hello.
_RECORD = b"\x16\x03\x03\x3f\xff\x02"


def _close(connection: Connection, truth: Truth) -> bool:
    return False


def _reset(connection: Connection, truth: Truth) -> bool:
    connection.reset()
    return False


def _finish(connection: Connection, truth: Truth) -> bool:
    connection.finish()
    received_bytes = connection.wait_for_client()
    # With TLS that was the client's hello.
    truth.received_bytes += 0 if connection.certificates else received_bytes
    return False


def _showing(certificate: Callable[[Certificates], object]) -> Greet:
    """A handshake with a certificate that is wrong."""

    def greet(connection: Connection, truth: Truth) -> bool:
        assert connection.certificates
        connection.encrypt(certificate(connection.certificates))  # type: ignore[arg-type]
        # The client has to turn it down, so what it sends now is a fault.
        truth.received_bytes += len(connection.socket.recv(1))
        return False

    return greet


def _saying(text: bytes, *, reset: bool = False) -> Greet:
    """Something else than TLS, and the end."""

    def greet(connection: Connection, truth: Truth) -> bool:
        connection.socket.recv(65536)
        connection.write(text)
        if reset:
            connection.reset()
        return False

    return greet


def _hang(connection: Connection, truth: Truth) -> bool:
    connection.wait_for_client()
    return False


def _drip(connection: Connection, truth: Truth) -> bool:
    connection.socket.recv(65536)
    until = time.monotonic() + HANG_SECONDS
    connection.write(_RECORD)
    while time.monotonic() < until:
        connection.write(b"\x00")
        time.sleep(0.02)
    return False


def _close_after_handshake(connection: Connection, truth: Truth) -> bool:
    assert connection.certificates
    connection.encrypt(connection.certificates.good)
    return False


def _reset_after_handshake(connection: Connection, truth: Truth) -> bool:
    assert connection.certificates
    connection.encrypt(connection.certificates.good)
    connection.reset()
    return False


ENDING: Mapping[str, Greet] = {
    "a certificate of another name": _showing(lambda each: each.wrong_name),
    "a certificate that has expired": _showing(lambda each: each.expired),
    "a certificate of an unknown authority": _showing(lambda each: each.unknown_authority),
    "HTTP where TLS belongs": _saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "a handshake that ends after a few bytes": _saying(_RECORD + b"\x00" * 40),
    "a handshake that is reset": _saying(_RECORD + b"\x00" * 40, reset=True),
    "an alert instead of a handshake": _saying(b"\x15\x03\x03\x00\x02\x02\x28"),
}
HANGING: Mapping[str, Greet] = {
    "a handshake that hangs": _hang,
    "a handshake a byte at a time": _drip,
}
AT_ONCE: Mapping[str, Greet] = {
    "closed when accepted": _close,
    "reset when accepted": _reset,
    "half closed when accepted": _finish,
}
AFTER_HANDSHAKE: Mapping[str, Greet] = {
    "closed after the handshake": _close_after_handshake,
    "reset after the handshake": _reset_after_handshake,
}
