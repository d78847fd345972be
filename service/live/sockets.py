"""The relay's sockets, bounded before anything is known of who is at their other end.

In a file of its own because it guards what the library reads and writes by itself: it responds to
each ping, without waiting until the client reads."""

import asyncio
from functools import partial
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CTRL_OPCODES, Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

# All frames of one read are taken apart before anything else runs in the loop.
MAX_READ_BYTES = 16 * 1024
# A client pings every few seconds, or never.
MAX_CONTROL_FRAMES = 20
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


class GuardedConnection(ServerConnection):
    """A socket that is cut off where it floods the loop, or never reads."""

    def __init__(
        self, waiting: Waiting, protocol: ServerProtocol, server: Server, **options: Any
    ) -> None:
        super().__init__(protocol, server, **options)
        self._waiting = waiting
        self._second = 0.0
        self._control_frames = 0

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
        if isinstance(event, Frame) and event.opcode in CTRL_OPCODES:
            self._count(self.loop.time())

    def _count(self, now: float) -> None:
        if now - self._second >= 1.0:
            self._second, self._control_frames = now, 0
        self._control_frames += 1
        if self._control_frames > MAX_CONTROL_FRAMES:
            self.transport.abort()
