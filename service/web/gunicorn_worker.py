"""gunicorn's threaded worker, made safe against slow clients. Everything else is gunicorn's own.

A connection gets a thread when its request has come in (a large body: when its head has), and none
while it is silent, drips or does not go away. Stock gunicorn gives a thread to each new connection,
waits for requests without end, and waits in its one main loop for clients to leave.

Probes have threads of their own: behind a queue of orders they would come too late, and what does
not answer them is replaced."""

import errno
import socket
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import takewhile
from selectors import EVENT_READ
from typing import Any, ClassVar

from gunicorn.http.errors import (
    InvalidHeader,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.http.message import Request
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from service.core.clock import SystemClock
from service.core.errors import FareboxError
from service.core.ids import RandomIds
from service.web.arrivals import MAX_HEAD_BYTES, Arrival, Patience, PatientSocket
from service.web.errors import bare_response
from service.web.request_errors import AddressTooLong, BadRequest, HeadersTooLarge, InternalError

PARTING_SECONDS = 2.0
PROBE_THREADS = 2

_GIVEN_ONCE = (
    "AUTHORIZATION",
    "IDEMPOTENCY-KEY",
    "X-GOOGLE-ID",
    "X-REQUEST-ID",
    "CONTENT-ENCODING",
)
_PROBES = (b"GET /health/live ", b"GET /health/ready ")
_NOBODY_THERE = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)


class _Request(Request):  # type: ignore[misc]
    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        """Raises `LimitRequestHeaders` also for too much in all, `InvalidHeader` also for two
        credentials or two keys in one request: which of them is meant?"""
        if len(data) > MAX_HEAD_BYTES:
            raise LimitRequestHeaders("too much in all")
        headers: list[tuple[str, str]] = super().parse_headers(data, from_trailer)
        given = [name for name, _ in headers if name in _GIVEN_ONCE]
        if len(given) > len(set(given)):
            raise InvalidHeader("given more than once", req=self)
        return headers

    def should_close(self) -> bool:
        """Also when the body is not in: where the next request begins is then unknown."""
        return self._is_unfinished() or bool(super().should_close())

    def _is_unfinished(self) -> bool:
        body = self.body
        if body is None or body.failed:
            return body is not None
        missing = getattr(body.reader, "length", None)
        if missing is None:
            return body.reader.parser is not None
        return bool(missing > len(self.unreader.buf.getvalue()))


class _Connection(TConn):  # type: ignore[misc]
    sock: PatientSocket

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.arrival = Arrival()
        self.is_new = True
        self.init()
        self.parser.mesg_class = _Request

    @property
    def is_silent(self) -> bool:
        return not self.arrival.received

    def begins_with_probe(self) -> bool:
        """Asked for each request that is in; true of the first alone. Its answer never waits for
        the client, as those would of one that asks on and on and takes none: the threads that are
        kept for probes are not for that."""
        is_probe = self.is_new and self.arrival.received.startswith(_PROBES)
        self.is_new = False
        return is_probe


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Plain HTTP/1 only. `patience` is set by the subclass that the configuration names
    (`patient`)."""

    patience: ClassVar[Patience]

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._clock = SystemClock()
        self._places = threading.Semaphore(self.patience.max_waiting)
        self.pending_conns: deque[_Connection] = deque()
        self._parting: deque[_Connection] = deque()
        self._probe_threads = ThreadPoolExecutor(PROBE_THREADS, "probe")

    # In the main loop, where nothing may wait.

    def accept(self, listener: socket.socket) -> None:
        try:
            taken, client = listener.accept()
        except OSError as error:
            if error.errno not in _NOBODY_THERE:
                raise
            return
        self.nr_conns += 1
        sock = PatientSocket(taken, self.patience, self._places, self._clock)
        self._await_request(_Connection(self.cfg, sock, client, listener.getsockname()))

    def _make_room(self) -> None:
        """Whoever has been leaving, coming or idle for longest goes, in this order."""
        for room in (self._parting, self.pending_conns, self.keepalived_conns):
            if room:
                self._end(self._leave(room, room[0]))
                return

    def _on_next(self, conn: _Connection, _: object) -> None:
        self._await_request(self._leave(self.keepalived_conns, conn))

    def _await_request(self, conn: _Connection) -> None:
        conn.timeout = conn.sock.begin()
        conn.arrival.add(conn.parser.unreader.take_buffered())
        if conn.arrival.is_in or self._receive(conn):
            self._hand_over(conn)
        else:
            self._enter(self.pending_conns, conn, self._on_bytes)

    def _on_bytes(self, conn: _Connection, _: object) -> None:
        if self._receive(conn):
            self._hand_over(self._leave(self.pending_conns, conn))

    def _receive(self, conn: _Connection) -> bool:
        """Takes in what has come, and says whether there is nothing more to wait for."""
        data = conn.sock.receive_now()
        if data is None:
            return False
        conn.arrival.add(data)
        return conn.arrival.is_in or not data

    def _hand_over(self, conn: _Connection) -> None:
        """To a thread, which refuses what is not whole: a client that is gone or too slow is told
        so there."""
        if conn.is_silent:
            self._end(conn)
            return
        threads = self._probe_threads if conn.begins_with_probe() else self.tpool
        conn.parser.unreader.unread(conn.arrival.take())
        handled = threads.submit(self.handle, conn)
        handled.add_done_callback(partial(self.method_queue.defer, self.finish_request, conn))

    def finish_request(self, conn: _Connection, finished: "Future[bool]") -> None:
        keep = not finished.cancelled() and finished.exception() is None and finished.result()
        if not keep:
            self._part(conn)
        elif conn.parser.unreader.buf.getvalue():
            self._await_request(conn)
        else:
            self._idle(conn)

    def _idle(self, conn: _Connection) -> None:
        conn.timeout = self._clock.monotonic() + (
            self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        )
        self._enter(self.keepalived_conns, conn, self._on_next)

    def _part(self, conn: _Connection) -> None:
        """Closes our side, and takes in what still comes for a moment: a reset could overtake the
        answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(conn)
            return
        conn.timeout = self._clock.monotonic() + PARTING_SECONDS
        self._enter(self._parting, conn, self._on_parting)

    def _on_parting(self, conn: _Connection, _: object) -> None:
        if conn.sock.receive_now() == b"":
            self._end(self._leave(self._parting, conn))

    def murder_pending(self) -> None:
        """Called by the main loop at least once in a second, when no event waits for a connection
        that goes here."""
        for conn in self._overdue(self.pending_conns):
            self._hand_over(conn)
        for conn in self._overdue(self._parting):
            self._end(conn)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def _overdue(self, room: deque[_Connection]) -> list[_Connection]:
        now = self._clock.monotonic()
        return [
            self._leave(room, conn)
            for conn in list(takewhile(lambda conn: conn.timeout <= now, room))
        ]

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits no longer than that for connections that say nothing."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if conn.is_silent:
                conn.timeout = min(conn.timeout, deadline)
        self.pending_conns = deque(sorted(self.pending_conns, key=lambda conn: float(conn.timeout)))

    def _enter(self, room: deque[_Connection], conn: _Connection, on_readable: Any) -> None:
        room.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(on_readable, conn))

    def _leave(self, room: deque[_Connection], conn: _Connection) -> _Connection:
        room.remove(conn)
        self.poller.unregister(conn.sock)
        return conn

    def _end(self, conn: _Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    # In a thread.

    def handle(self, conn: _Connection) -> bool:
        try:
            return bool(super().handle(conn))
        finally:
            conn.sock.rest()

    def _keepalive_after(self, conn: _Connection, keepalive: bool) -> bool:
        """A body that nobody read is thrown away if it is here; it is not waited for."""
        conn.sock.hurry()
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except FareboxError:
            return False

    def handle_error(
        self, req: object, client: PatientSocket, addr: object, exc: Exception
    ) -> None:
        """Answers in the one envelope. What the client sent is not repeated, to it or to the
        log."""
        del req, addr
        error = _told(exc)
        if isinstance(error, InternalError):
            self.log.exception("Error handling request")
        else:
            self.log.warning("Refused before it was a request: %s", type(exc).__name__)
        request_id = RandomIds().new("req", self._clock.now())
        with suppress(OSError):
            client.sendall(bare_response(error, request_id))


def _told(error: Exception) -> FareboxError:
    match error:
        case FareboxError():
            return error
        case LimitRequestLine():
            return AddressTooLong()
        case LimitRequestHeaders():
            return HeadersTooLarge()
        case ParseException():
            return BadRequest()
        case _:
            return InternalError()


def patient(seconds: float, max_waiting: int) -> type[PatientWorker]:
    """The worker class with that patience."""
    return type("PatientWorker", (PatientWorker,), {"patience": Patience(seconds, max_waiting)})
