"""HTTP/1.1 by hand, for both ends of a measurement: as little work as possible besides what is
measured."""

import socket
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
LOOPBACK = "127.0.0.1"


class Ended(Exception):
    """The other side has gone."""


@dataclass
class Wire:
    """One kept connection, and what has been read beyond the last message."""

    socket: socket.socket
    rest: bytes = b""

    @classmethod
    def to(cls, port: int, seconds: float) -> "Wire":
        """Raises `OSError`."""
        connection = socket.create_connection((LOOPBACK, port), seconds)
        return cls(_prompt(connection, seconds))

    @classmethod
    def of(cls, connection: socket.socket, seconds: float) -> "Wire":
        return cls(_prompt(connection, seconds))

    def read(self) -> tuple[bytes, bytes]:
        """The next message as (head, body); both kinds announce their length. Raises `Ended` or
        `OSError`."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
            if len(self.rest) > MAX_HEAD_BYTES:
                raise Ended
        head, _, body = self.rest.partition(b"\r\n\r\n")
        length = _length(head)
        self.rest = body
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return head, body

    def _more(self) -> None:
        part = self.socket.recv(65536)
        if not part:
            raise Ended
        self.rest += part


def _prompt(connection: socket.socket, seconds: float) -> socket.socket:
    connection.settimeout(seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def message(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {LOOPBACK}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
