"""The relay's sockets, bounded before anything is known of who is at their other end.

In a file of its own because it guards what the library reads and writes by itself: it responds to
each ping, without waiting until the client reads."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

# All frames of one read are taken apart before anything else runs in the loop.
MAX_READ_BYTES = 16 * 1024
# A client pings every few seconds, or never.
MAX_CONTROL_FRAMES = 20
# Frames that go on with a message, in a second and of one message: few clients divide any.
MAX_PIECES = 400
MAX_UNREAD_BYTES = 1024 * 1024


class Waiting:
    """Counts the sockets of a process that have no session: handshakes under way, and what is being
    refused. `limit` is how many may wait for a session; as many again are kept for probes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sockets: set[ServerConnection] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    @property
    def is_full(self) -> bool:
        return len(self._sockets) > self._limit

    def add(self, socket: ServerConnection) -> bool:
        """Whether there is room for it."""
        if len(self._sockets) >= 2 * self._limit:
            return False
        self._sockets.add(socket)
        return True

    def remove(self, socket: ServerConnection) -> None:
        """Again without effect."""
        self._sockets.discard(socket)

    @property
    def connection(self) -> Any:
        """What the library makes of each socket: it names a class, and calls it."""
        return partial(GuardedConnection, self)


@dataclass
class FrameCount:
    """Counts the frames that are no message of their own: those its session counts."""

    second: float = 0.0
    controls: int = 0
    pieces: int = 0
    pieces_of_message: int = 0

    def is_flood(self, frame: Frame, now: float) -> bool:
        """Whether there are too many of them with that one, at that time in seconds."""
        if now - self.second >= 1.0:
            self.second, self.controls, self.pieces = now, 0, 0
        if frame.opcode in CTRL_OPCODES:
            self.controls += 1
        elif frame.opcode is Opcode.CONT:
            self.pieces += 1
            self.pieces_of_message = 0 if frame.fin else self.pieces_of_message + 1
        return (
            self.controls > MAX_CONTROL_FRAMES
            or max(self.pieces, self.pieces_of_message) > MAX_PIECES
        )


class GuardedConnection(ServerConnection):
    """A socket that is cut off where it floods the loop, or never reads."""

    def __init__(
        self, waiting: Waiting, protocol: ServerProtocol, server: Server, **options: Any
    ) -> None:
        super().__init__(protocol, server, **options)
        self._waiting = waiting
        self._frames = FrameCount()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reading: Any = transport
        if hasattr(reading, "max_size"):
            reading.max_size = MAX_READ_BYTES
        super().connection_made(transport)
        if not self._waiting.add(self):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()

    def process_event(self, event: Request | Response | Frame) -> None:
        super().process_event(event)
        if isinstance(event, Frame) and self._frames.is_flood(event, self.loop.time()):
            self.transport.abort()
