"""What a client may cost while we wait for it: time, a connection, memory. Knows sockets and no
server.

Each connection has a greenlet of its own, so waiting costs nobody a thread. What remains to be
bounded is how long a request may take to arrive, how many connections are open, and how much of
large bodies is held."""

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.socket import socket as GeventSocket  # noqa: N812
from gunicorn.http.errors import LimitRequestHeaders

from service.core.clock import Clock
from service.web.request_errors import BodyTimeout, UploadsBusy

MAX_HEAD_BYTES = 64 * 1024
BYTES_PER_SECOND = 1024 * 1024
SMALL_BODY_BYTES = 64 * 1024
CLOSING_SECONDS = 2.0
# How long an idle connection of a stopping process stays open for a request that is already on its
# way.
LINGER_SECONDS = 2.0

_CHUNK_BYTES = 64 * 1024
_MAX_DISCARDED_CHUNKS = 1000


@dataclass(frozen=True)
class Limits:
    """A request may take `receive_seconds` to arrive whole, and a second more for each megabyte
    received; the client may take as long to accept each part of its response. Large bodies together
    take at most `upload_bytes` of memory."""

    receive_seconds: float
    upload_bytes: int


class Uploads:
    """The memory that large request bodies take in this process."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def take(self, count: int) -> None:
        """Raises `UploadsBusy` when that much is not left."""
        if count > self._left:
            raise UploadsBusy
        self._left -= count

    def put_back(self, count: int) -> None:
        self._left += count


class Connections:
    """The open connections of this process. When there are too many, one that only waits for its
    client is cut: the one that began closing, sending or idling first, in this order. A request
    that is being served is never cut."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self.closing: dict[ClientSocket, None] = {}
        self.busy: dict[ClientSocket, None] = {}
        self.idle: dict[ClientSocket, None] = {}

    def enter(self) -> None:
        self._count += 1
        if self._count > self._limit:
            self._cut_one()

    def leave(self, client: "ClientSocket") -> None:
        self._count -= 1
        self.forget(client)

    def forget(self, client: "ClientSocket") -> None:
        for queue in (self.closing, self.busy, self.idle):
            queue.pop(client, None)

    def cut_silent(self, since: float) -> None:
        """Cuts the connections on which nothing has come since that monotonic time."""
        for client in [*self.idle, *self.busy]:
            if client.silent_since <= since:
                client.cut()

    def _cut_one(self) -> None:
        for queue in (self.closing, self.busy, self.idle):
            while queue:
                client = next(iter(queue))
                # One that is being served loses its place; it takes a new one when it waits for its
                # client again.
                del queue[client]
                if client.is_waiting:
                    client.cut()
                    return


class ClientSocket(GeventSocket):  # type: ignore[misc]
    """A client's connection, which takes over the given socket. A new one must bring its first
    request in time."""

    def __init__(
        self,
        accepted: Any,
        receive_seconds: float,
        connections: Connections,
        uploads: Uploads,
        clock: Clock,
    ) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._receive_seconds = receive_seconds
        self._connections = connections
        self._uploads = uploads
        self._clock = clock
        self._until = clock.monotonic() + receive_seconds
        self._queue = connections.busy
        self._is_silent = True
        self._is_new = True
        self._is_cut = False
        self._is_open = True
        self._head_bytes_left = MAX_HEAD_BYTES
        self._is_body = False
        self._body_bytes = 0
        self._uploaded = 0
        self._since = clock.monotonic()
        self.is_waiting = False
        connections.enter()

    @property
    def silent_since(self) -> float:
        """The monotonic time since which we wait for the first byte of a request; infinity when one
        has come."""
        return self._since if self._is_silent and self.is_waiting else float("inf")

    def expect_body(self) -> None:
        """The head is in; what comes now is the body."""
        self._is_body = True

    def expect_request(self, idle_seconds: float, *, has_begun: bool) -> None:
        """The response is out; the next request may begin within that time. `has_begun`: a part of
        it has been received together with the last."""
        self._uploads.put_back(self._uploaded)
        self._connections.forget(self)
        self._is_body, self._body_bytes, self._uploaded = False, 0, 0
        self._head_bytes_left = MAX_HEAD_BYTES
        self._is_new = False
        self._is_silent = not has_begun
        self._queue = self._connections.busy if has_begun else self._connections.idle
        self._since = self._clock.monotonic()
        self._until = self._since + (self._receive_seconds if has_begun else idle_seconds)

    def cut(self) -> None:
        """Ends the connection from another greenlet."""
        self._is_cut = True
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Empty when the client has closed, or has begun no request in time. Raises `BodyTimeout`
        once the request's time is over, `LimitRequestHeaders` for too long a head, `UploadsBusy`
        when no memory is left for a large body."""
        left = self._until - self._clock.monotonic()
        if left <= 0:
            return self._timed_out()
        try:
            data = self._receive(bufsize, flags, left)
        except TimeoutError:
            return self._timed_out()
        except OSError:
            # gevent ends the wait of a greenlet whose socket another one shuts down with an error.
            if self._is_cut:
                return b""
            raise
        if data:
            self._count(len(data))
        return data

    def send(self, data: bytes, flags: int = 0, **more: Any) -> int:
        """gevent's `sendall` calls it, with a time-out of its own."""
        if not more:
            self.settimeout(self._receive_seconds)
        return int(super().send(data, flags, **more))

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Raises `ConnectionResetError` for a client that does not accept the data in time."""
        self.settimeout(self._receive_seconds)
        self._begin_waiting()
        try:
            super().sendall(data, flags)
        except OSError as error:
            if not (self._is_cut or isinstance(error, TimeoutError)):
                raise
            raise ConnectionResetError(
                errno.ECONNRESET, "the client does not accept its response"
            ) from None
        finally:
            self.is_waiting = False

    def close(self) -> None:
        """Closes our side first and discards what still comes: closing with bytes unread sends a
        reset, which can overtake the response."""
        if self._is_open:
            self._is_open = False
            self._uploads.put_back(self._uploaded)
            self._connections.forget(self)
            if not (self._is_cut or self._is_silent):
                self._discard()
            self._connections.leave(self)
        super().close()

    def _receive(self, bufsize: int, flags: int, left: float) -> bytes:
        self.settimeout(0.0)
        with suppress(BlockingIOError):
            return bytes(super().recv(bufsize, flags))
        self.settimeout(left)
        self._begin_waiting()
        try:
            return bytes(super().recv(bufsize, flags))
        finally:
            self.is_waiting = False

    def _begin_waiting(self) -> None:
        self._queue.setdefault(self)
        self.is_waiting = True

    def _timed_out(self) -> bytes:
        if self._is_silent:
            return b""
        raise BodyTimeout

    def _count(self, received: int) -> None:
        if self._is_silent:
            self._begin_request()
        self._until += received / BYTES_PER_SECOND
        if self._is_body:
            self._count_body(received)
            return
        self._head_bytes_left -= received
        # One reading may bring more than the head; the head itself is measured when it is parsed.
        if self._head_bytes_left < -_CHUNK_BYTES:
            raise LimitRequestHeaders("too much in all")

    def _begin_request(self) -> None:
        self._is_silent = False
        if not self._is_new:
            self._connections.forget(self)
            self._queue = self._connections.busy
            self._until = self._clock.monotonic() + self._receive_seconds

    def _count_body(self, received: int) -> None:
        self._body_bytes += received
        if self._body_bytes > SMALL_BODY_BYTES:
            self._uploads.take(received)
            self._uploaded += received
            # Bytes that are here already are received without a switch, and a fast sender would
            # hold the process.
            gevent.sleep(0)

    def _discard(self) -> None:
        self._queue = self._connections.closing
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            until = self._clock.monotonic() + CLOSING_SECONDS
            for _ in range(_MAX_DISCARDED_CHUNKS):
                left = until - self._clock.monotonic()
                if left <= 0 or not self._receive(_CHUNK_BYTES, 0, left):
                    return
                gevent.sleep(0)
