"""What a client may cost while we wait for it: time, a connection, memory. Knows sockets and no
server.

Each connection has a greenlet of its own, so waiting costs no one a thread. What remains to be
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
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.web.pace import MIN_BYTES_PER_SECOND, Pace
from service.web.request_errors import BodyTimeout, TooManyUploads, UploadsBusy

MAX_HEAD_BYTES = 64 * 1024
SMALL_BODY_BYTES = 64 * 1024
CLOSING_SECONDS = 2.0
# How long an idle connection of a stopping process stays open for a request that is already on its
# way.
LINGER_SECONDS = 2.0

_CHUNK_BYTES = 64 * 1024
# The kernel doubles it, and reports room again when a third is free. With a larger one, a slow
# reader takes longer for that than a pause may last.
_SEND_BUFFER_BYTES = 128 * 1024
_MAX_DISCARDED_CHUNKS = 1000


@dataclass(frozen=True)
class Limits:
    """A request must not pause for longer than `receive_seconds` while it is received, must not lag
    further behind the minimum rate (`Pace`), and must be in within `max_receive_seconds`; likewise
    its response. Large bodies together take at most `upload_bytes` of memory, those of one user at
    most `user_upload_bytes`."""

    receive_seconds: float
    max_receive_seconds: float
    upload_bytes: int
    user_upload_bytes: int

    def pace(self, clock: Clock) -> Pace:
        return Pace(clock, self.receive_seconds, self.max_receive_seconds)


class Upload:
    """What one request's large body takes of the memory that all share."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._user_id: str | None = None
        self._reserved = 0
        self._received = 0

    def reserve(self, count: int, user_id: str | None) -> None:
        """Takes memory for a body before it is received. Raises `UploadsBusy` or `TooManyUploads`
        when there is not that much left, for anybody or for this user."""
        self.put_back()
        self._user_id = user_id
        self._take(count)

    def receive(self, count: int) -> None:
        """Raises what `reserve` raises, for what was not reserved: a body in chunks does not say
        how long it is."""
        self._received += count
        beyond = self._received - self._reserved
        if self._received > SMALL_BODY_BYTES and beyond > 0:
            self._take(beyond)

    def put_back(self) -> None:
        self._shares.put_back(self._user_id, self._reserved)
        self._reserved = self._received = 0

    def _take(self, count: int) -> None:
        try:
            self._shares.take(self._user_id, count)
        except NothingLeft:
            raise UploadsBusy from None
        except ShareUsedUp:
            raise TooManyUploads from None
        self._reserved += count


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
        limits: Limits,
        connections: Connections,
        uploads: Shares,
        clock: Clock,
    ) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._limits = limits
        self._connections = connections
        self._upload = Upload(uploads)
        self._clock = clock
        self._pace = limits.pace(clock)
        self._queue = connections.busy
        self._is_silent = True
        self._is_new = True
        self._is_cut = False
        self._is_open = True
        self._head_bytes_left = MAX_HEAD_BYTES
        self._is_body = False
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

    def reserve_body(self, count: int, user_id: str | None) -> None:
        """Takes memory for a large body of that user (None: not signed in) before any of it
        is received (0: its length is not known). Raises `UploadsBusy` or `TooManyUploads`."""
        self._upload.reserve(count, user_id)

    def expect_request(self, idle_seconds: float, *, has_begun: bool) -> None:
        """The response is out; the next request may begin within that time. `has_begun`: a part of
        it has been received together with the last."""
        self._upload.put_back()
        self._connections.forget(self)
        self._is_body = False
        self._head_bytes_left = MAX_HEAD_BYTES
        self._is_new = False
        self._is_silent = not has_begun
        self._queue = self._connections.busy if has_begun else self._connections.idle
        self._since = self._clock.monotonic()
        idle = Pace(self._clock, idle_seconds, idle_seconds)
        self._pace = self._limits.pace(self._clock) if has_begun else idle

    def cut(self) -> None:
        """Ends the connection from another greenlet."""
        self._is_cut = True
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Empty when the client has closed, or has begun no request in time. Raises `BodyTimeout`
        for a request that comes too slowly, `LimitRequestHeaders` for too long a head,
        `UploadsBusy` or `TooManyUploads` when no memory is left for a large body."""
        left = self._pace.left_seconds
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

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Raises `ConnectionResetError` for a client that accepts the data too slowly."""
        self._begin_waiting()
        try:
            self._send_at_pace(memoryview(data), flags)
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
            self._upload.put_back()
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

    def _send_at_pace(self, data: memoryview, flags: int) -> None:
        """gevent's own `sendall` has one time-out for all of the data, which would cut off a slow
        reader of a large response."""
        pace = self._limits.pace(self._clock)
        while data:
            left = pace.left_seconds
            if left <= 0:
                raise TimeoutError
            self.settimeout(left)
            count = super().send(data[:_CHUNK_BYTES], flags)
            pace.moved(count)
            data = data[count:]

    def _begin_waiting(self) -> None:
        self._queue.setdefault(self)
        self.is_waiting = True

    def _timed_out(self) -> bytes:
        if self._is_silent:
            return b""
        raise BodyTimeout(
            details={
                "minBytesPerSecond": MIN_BYTES_PER_SECOND,
                "maxPauseSeconds": self._limits.receive_seconds,
                "maxSeconds": self._limits.max_receive_seconds,
            }
        )

    def _count(self, received: int) -> None:
        if self._is_silent:
            self._begin_request()
        self._pace.moved(received)
        if self._is_body:
            self._upload.receive(received)
            # Bytes that are here already are received without a switch, and a fast sender would
            # hold the process.
            gevent.sleep(0)
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
            self._pace = self._limits.pace(self._clock)

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
