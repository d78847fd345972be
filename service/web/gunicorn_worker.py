"""gunicorn's gevent worker, and the little that is ours: strict heads, the limits of `receiving`,
one shape of errors.

A request has a greenlet, so one that waits (for the table, a provider, a job's end, a slow client)
costs no thread, and probes are served between the others. What must hold for that: no call may
block without gevent knowing. The worker patches the standard library before it loads the
application, so this module imports nothing that imports more than the standard library, gunicorn
and gevent: what the master has imported before the fork keeps unpatched parts."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, ClassVar

import gevent
from gunicorn import util
from gunicorn.http.errors import (
    InvalidHeader,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.ggevent import GeventWorker

from service.core.clock import SystemClock
from service.core.errors import FareboxError
from service.core.ids import RandomIds
from service.core.shares import Shares
from service.web.receiving import (
    LINGER_SECONDS,
    MAX_HEAD_BYTES,
    ClientSocket,
    Connections,
    Limits,
)
from service.web.request_errors import AddressTooLong, BadRequest, HeadersTooLarge, InternalError

# Named, not imported: it brings Flask, which must come after the patch.
ERROR_RESPONSE = "service.web.errors:bare_response"
# Room for connections that come while others are being cut.
SPARE_CONNECTIONS = 64

_GIVEN_ONCE = (
    "AUTHORIZATION",
    "IDEMPOTENCY-KEY",
    "X-GOOGLE-ID",
    "X-REQUEST-ID",
    "CONTENT-ENCODING",
)


_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


class StrictRequest(Request):  # type: ignore[misc]
    def parse(self, unreader: Any) -> bytes:
        """Raises `InvalidHeader` also for a request without exactly one well-formed Host (RFC 9112,
        3.2; HTTP/1.0 knows no Host). Two servers could take it for requests to different hosts."""
        rest: bytes = super().parse(unreader)
        # `GET http://host HTTP/1.1` means the path `/` (RFC 9112, 3.2.2).
        self.path: str = self.path or "/"
        hosts = [value for name, value in self.headers if name == "HOST"]
        if len(hosts) > 1 or (not hosts and self.version >= (1, 1)):
            raise InvalidHeader("HOST", req=self)
        if hosts and not _HOST.fullmatch(hosts[0]):
            raise InvalidHeader("HOST", req=self)
        return rest

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
        """Also when the body is not in: gunicorn would wait for the rest of it, and where the next
        request begins is unknown until then."""
        return self._is_unfinished() or bool(super().should_close())

    def _is_unfinished(self) -> bool:
        body = self.body
        if body is None or body.failed:
            return body is not None
        missing = getattr(body.reader, "length", None)
        if missing is None:
            return body.reader.parser is not None
        return bool(missing > _buffered_bytes(self))


class Worker(GeventWorker):  # type: ignore[misc]
    """Plain HTTP/1 only. `limits` is set by the subclass that the configuration names
    (`limited`)."""

    limits: ClassVar[Limits]

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.worker_connections = self.cfg.worker_connections + SPARE_CONNECTIONS
        self._clock = SystemClock()
        self._connections = Connections(self.cfg.worker_connections)
        self._uploads = Shares(self.limits.upload_bytes, self.limits.user_upload_bytes)

    def init_process(self) -> None:
        # The parser makes its own requests, and nothing else says of which class.
        RequestParser.mesg_class = StrictRequest
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._error_response: Callable[[FareboxError, str], bytes] = util.import_app(ERROR_RESPONSE)

    def notify(self) -> None:
        """Called once a second. A stopping worker would wait for idle connections as long as for
        requests."""
        super().notify()
        if not self.alive:
            self._connections.cut_silent(since=self._clock.monotonic() - LINGER_SECONDS)

    def timeout_ctx(self) -> AbstractContextManager[None]:
        """Returns None: the socket itself limits idle time and the time of a request."""
        return nullcontext()

    def handle(self, listener: Any, client: Any, addr: object) -> None:
        sock = ClientSocket(client, self.limits, self._connections, self._uploads, self._clock)
        super().handle(listener, sock, addr)

    def handle_request(
        self, listener_name: object, req: StrictRequest, sock: ClientSocket, addr: object
    ) -> None:
        sock.expect_body()
        super().handle_request(listener_name, req, sock, addr)
        sock.expect_request(self.cfg.keepalive, has_begun=_buffered_bytes(req) > 0)
        # A client that sends request after request without a pause would hold the process.
        gevent.sleep(0)

    def handle_error(
        self, req: object, client: ClientSocket, addr: object, exc: BaseException
    ) -> None:
        """Responds with the one envelope. What the client sent is not repeated, to it or to the
        log."""
        del req, addr
        if isinstance(exc, gevent.GreenletExit):
            return
        error = _translated(exc)
        if isinstance(error, InternalError):
            self.log.exception("Error handling request")
        else:
            self.log.warning("Refused before it was a request: %s", type(exc).__name__)
        request_id = RandomIds().new("req", self._clock.now())
        with suppress(OSError):
            client.sendall(self._error_response(error, request_id))


def limited(limits: Limits) -> type[Worker]:
    """The worker class with those limits."""
    return type("LimitedWorker", (Worker,), {"limits": limits})


def _buffered_bytes(request: Request) -> int:
    """How much of what was received is not read yet."""
    return int(request.unreader.buf.getbuffer().nbytes)


def _translated(error: BaseException) -> FareboxError:
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
