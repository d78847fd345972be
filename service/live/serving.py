"""The relay's server: handshakes, tickets, probes and draining, in one event loop.

In a file of its own because a session knows nothing of the socket's beginning."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHeader
from websockets.headers import parse_subprotocol
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.jobs.entities import Job
from service.ledger.entities import InsufficientCredits
from service.ledger.limits import AlreadyLive
from service.live.entities import (
    REFUSED,
    REFUSED_CREDITS,
    REFUSED_NOW,
    REFUSED_TICKET,
    REFUSED_TOO_MANY,
    STREAM_PATH,
    STREAM_PROTOCOL,
    Ending,
    LiveSaturated,
    OpenSession,
    TicketInvalid,
    TicketUsed,
    TooManySessions,
    failure_of,
)
from service.live.operations import Live
from service.live.sessions import Session, SessionLimits
from service.live.sockets import Waiting
from service.providers.speech import SpeechProvider, SpeechRefused, SpeechRequest, SpeechStream

log = structlog.get_logger()

Result = TypeVar("Result")
TICKET_PREFIX = "ticket."
# More than a second of 48 kHz. A client that sends too much waits: nothing is stored.
MAX_FRAME_BYTES = 128 * 1024
MAX_FRAMES = 8
# More often than the balancer's idle time-out, 60 seconds.
PING_SECONDS = 20.0
HANDSHAKE_SECONDS = 10.0
CLOSE_SECONDS = 5.0
REPORT_SECONDS = 60.0
# As in the web process: what no one expected.
INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True)
class RelayLimits:
    """How many sessions there may be at once, and how many of one user; how long the process goes
    on when it is to end, and how long it may then take to settle them."""

    sessions: int
    sessions_of_user: int
    threads: int
    leave_seconds: float
    drain_seconds: float


class Relay:
    """Serves live sessions until it is stopped."""

    def __init__(
        self,
        live: Live,
        provider: SpeechProvider,
        is_table_there: Callable[[], bool],
        clock: Clock,
        metrics: Metrics,
        origins: Collection[str],
        own_origins: Collection[str],
        limits: RelayLimits,
        session_limits: SessionLimits,
    ) -> None:
        self._live = live
        self._provider = provider
        self._is_table_there = is_table_there
        self._clock = clock
        self._metrics = metrics
        self._own_origins = frozenset(own_origins)
        self._origins = self._own_origins | frozenset(origins)
        self._limits = limits
        self._session_limits = session_limits
        self._shares = Shares(limits.sessions, limits.sessions_of_user)
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="live")
        self._waiting = Waiting(limits.sessions)
        self._sessions: set[Session] = set()
        self._handling = 0
        self._is_leaving = False
        self._is_draining = False
        self._was_ready = False

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._sessions)

    @property
    def waiting(self) -> int:
        """How many sockets have no session."""
        return len(self._waiting)

    async def start(self, host: str, port: int) -> Server:
        """Begins to listen. Raises `OSError` where the port is taken."""
        return await serve(
            self._handle,
            host,
            port,
            process_request=self._respond,
            select_subprotocol=_chosen,
            compression=None,
            server_header=None,
            open_timeout=HANDSHAKE_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=PING_SECONDS,
            # A pong may wait behind audio that came too early. Who is gone sends no audio.
            ping_timeout=None,
            max_size=MAX_FRAME_BYTES,
            max_queue=MAX_FRAMES,
            create_connection=self._waiting.connection,
            # Of handshakes it would log the address, which may hold a ticket.
            logger=_silent_logger(),
        )

    async def run(self, host: str, port: int, stop: asyncio.Event, at_once: asyncio.Event) -> None:
        """Serves until `stop` is set, and leaves; then ends each session, with a code that says to
        connect again, and returns once all of them are settled, or time is up."""
        server = await self.start(host, port)
        log.info("relay_started", port=port)
        await stop.wait()
        await self.leave(at_once)
        await self.drain()
        server.close()
        await server.wait_closed()
        self._pool.shutdown(wait=False)
        log.info("relay_stopped")

    async def leave(self, at_once: asyncio.Event) -> None:
        """Goes on for a while, but not ready any more, so that balancers send elsewhere what comes
        next: a client that connects again must not come back to this process. Shorter once
        `at_once` is set."""
        self._is_leaving = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.leave_seconds):
                await at_once.wait()

    async def drain(self) -> None:
        """Ends the sessions, and waits for their settlement."""
        self._is_leaving = self._is_draining = True
        until = self._clock.monotonic() + self._limits.drain_seconds
        while self._handling and self._clock.monotonic() < until:
            for session in list(self._sessions):
                session.end(Ending.RESTART)
            await asyncio.sleep(self._session_limits.tick_seconds)

    # Handshakes.

    async def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets the handshake go on."""
        del connection
        path = _path_of(request)
        if path == "/health/live":
            return _json(HTTPStatus.OK, {"success": True, "data": {"status": "alive"}})
        if path == "/health/ready":
            return await self._readiness()
        if path != STREAM_PATH:
            return _json(HTTPStatus.NOT_FOUND, _error("NOT_FOUND", "There is nothing here."))
        origins = request.headers.get_all("Origin")
        if len(origins) > 1 or not self._origins.issuperset(origins):
            log.warning("live_origin_refused", origin=" ".join(origins)[:200])
            return _json(HTTPStatus.FORBIDDEN, _error("ORIGIN_REFUSED", "Not from this origin."))
        if self._is_draining or self._waiting.is_full:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, _error("NOT_READY", "Connect again."))
        return None

    async def _readiness(self) -> Response:
        """As of the web process: ready from the first contact with the table until it leaves."""
        if not self._was_ready:
            self._was_ready = await self._in_thread(self._is_table_there)
        if self._was_ready and not self._is_leaving:
            return _json(HTTPStatus.OK, {"success": True, "data": {"status": "ready"}})
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, _error("NOT_READY", "Not ready."))

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    # Sessions.

    async def _handle(self, connection: ServerConnection) -> None:
        self._handling += 1
        try:
            await self._serve(connection)
        except FareboxError as error:
            self._metrics.count(Metric.REFUSALS, code=error.code)
            await _refuse(connection, error)
        except ConnectionClosed:
            return
        except Exception:
            log.exception("live_session_broke")
            self._metrics.count(Metric.REFUSALS, code=INTERNAL_ERROR)
        finally:
            self._handling -= 1

    async def _serve(self, connection: ServerConnection) -> None:
        ticket = _ticket_of(connection)
        origin = self._page_of(connection)
        with self._place(self._live.user_of(ticket, origin)):
            self._waiting.remove(connection)
            opened = await self._in_thread(partial(self._live.open, ticket, origin))
            with structlog.contextvars.bound_contextvars(job_id=opened.job.job_id):
                await self._relay(connection, opened)

    def _page_of(self, connection: ServerConnection) -> str | None:
        """The origin of a page. That of our own host says nothing of one: apps that are no page
        send it, too."""
        origin = connection.request.headers.get("Origin") if connection.request else None
        return None if origin in self._own_origins else origin

    @contextmanager
    def _place(self, user_id: str) -> Iterator[None]:
        """Raises `TooManySessions` or `LiveSaturated`: before anything is held."""
        try:
            self._shares.take(user_id)
        except ShareUsedUp:
            raise TooManySessions(details={"limit": self._limits.sessions_of_user}) from None
        except NothingLeft:
            raise LiveSaturated from None
        try:
            yield
        finally:
            self._shares.put_back(user_id)

    async def _relay(self, connection: ServerConnection, opened: OpenSession) -> None:
        stream = await self._stream_of(opened)
        session = Session(
            opened,
            connection,
            stream,
            self._live,
            self._clock,
            self._metrics,
            self._session_limits,
            self._in_thread,
        )
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    async def _stream_of(self, opened: OpenSession) -> SpeechStream:
        """Opens the vendor's session, once. Raises the error that its refusal is."""
        request = SpeechRequest(
            opened.job.job_id,
            opened.body.sample_rate,
            opened.body.encoding,
            opened.body.language,
            round(self._session_limits.idle_seconds) + 5,
        )
        try:
            return await self._provider.open(request)
        except SpeechRefused as refused:
            failure = failure_of(refused.reason)
            declined: Job = await self._in_thread(partial(self._live.decline, opened.job, failure))
            raise self._live.refusal_of(declined, failure) from None


class OpenSessions:
    """Reports how many sessions the relay of this process has open, once a minute."""

    name = "open-sessions"
    interval_seconds = REPORT_SECONDS

    def __init__(self, relay: Relay, metrics: Metrics) -> None:
        self._relay = relay
        self._metrics = metrics

    def run_once(self) -> bool:
        self._metrics.gauge(Metric.LIVE_SESSIONS, self._relay.sessions)
        return False


def _path_of(request: Request) -> str:
    """Empty where it is none."""
    try:
        return urlsplit(request.path).path
    except ValueError:
        return ""


def _ticket_of(connection: ServerConnection) -> str:
    """As a subprotocol, or in the query. Raises `TicketInvalid`."""
    request = connection.request
    if request is None:
        raise TicketInvalid
    for each in _subprotocols(request.headers):
        if each.startswith(TICKET_PREFIX):
            return each.removeprefix(TICKET_PREFIX)
    found = parse_qs(urlsplit(request.path).query).get("ticket")
    if not found:
        raise TicketInvalid
    return found[0]


def _subprotocols(headers: Headers) -> list[str]:
    try:
        lines = headers.get_all("Sec-WebSocket-Protocol")
        return [str(each) for line in lines for each in parse_subprotocol(line)]
    except InvalidHeader:
        return []


def _chosen(connection: ServerConnection, offered: object) -> Subprotocol | None:
    """Never the ticket: the response would carry it."""
    del connection
    names = list(offered) if isinstance(offered, list | tuple) else []
    return Subprotocol(STREAM_PROTOCOL) if STREAM_PROTOCOL in names else None


def _code_of(error: FareboxError) -> int:
    if isinstance(error, TicketInvalid | TicketUsed):
        return REFUSED_TICKET
    if isinstance(error, InsufficientCredits):
        return REFUSED_CREDITS
    if isinstance(error, RateLimited | AlreadyLive):
        return REFUSED_TOO_MANY
    return REFUSED_NOW if isinstance(error, Unavailable) else REFUSED


async def _refuse(connection: ServerConnection, error: FareboxError) -> None:
    """A page cannot read a handshake's response: it is said in the socket."""
    log.info("live_session_refused", reason=error.code)
    message = {"type": "error", **_error(error.code, error.message), "details": error.details}
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.send(json.dumps(message))
            await connection.close(_code_of(error), error.code)
    except (TimeoutError, ConnectionClosed):
        return


def _error(code: str, message: str) -> dict[str, object]:
    return {"success": False, "error": message, "code": code}


def _json(status: HTTPStatus, content: dict[str, object]) -> Response:
    body = json.dumps(content).encode()
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger("farebox.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
