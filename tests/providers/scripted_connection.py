"""A connection whose server has already said everything, without any socket."""

from collections.abc import Iterable
from typing import Any

from service.providers.streams import ByteStream, Waits
from tests.doubles.clock import FakeClock

HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n"


class ScriptedConnection:
    """Hands out the pieces one by one, then `end`: nothing more, or an error."""

    def __init__(self, pieces: Iterable[bytes], end: OSError | None = None) -> None:
        self._pieces = iter(pieces)
        self._end = end
        self.sock: Any = None
        self.timeout = 0.0
        self.sent = b""

    def connect(self) -> None:
        self.sock = self

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        self.sent = body

    def settimeout(self, seconds: float) -> None: ...

    def recv(self, maximum: int) -> bytes:
        for piece in self._pieces:
            if piece:
                return piece
        if self._end is not None:
            raise self._end
        return b""

    def interrupt(self) -> None: ...

    def close(self) -> None:
        self.sock = None


def scripted_stream(pieces: Iterable[bytes], end: OSError | None = None) -> ByteStream:
    clock = FakeClock()
    connection = ScriptedConnection(pieces, end)
    until = clock.monotonic() + 60
    return ByteStream(connection, "http://vendor.example/x", clock, Waits(5.0, 5.0), until)


def cut_up(body: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes in pieces that end at those places."""
    ends = sorted({place % (len(body) + 1) for place in places})
    starts = [0, *ends]
    return [body[start:end] for start, end in zip(starts, [*ends, len(body)], strict=True)]
