"""AssemblyAI's live sessions over WebSocket, on a port of their own: `/assemblyai/v3/ws`.

Sources: https://www.assemblyai.com/docs/api-reference/streaming-api, and its Python SDK."""

import asyncio
import hmac
import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from devstack.simulators.assemblyai.sessions import LiveSessions
from devstack.simulators.assemblyai.speech import Understanding
from devstack.simulators.assemblyai.tokens import numbers_of
from devstack.simulators.faults import Fault, FaultBoard

STREAM_FAULTS = frozenset(
    {
        *("status", "refused", "busy", "cut", "stall", "error-event", "too-fast"),
        *("zero-duration", "no-duration"),
    }
)
TOKEN_FAULTS = frozenset({"status", "lost-answer", "no-token"})
PATH = "/assemblyai/v3/ws"
TOKEN_PATH = "/assemblyai/v3/token"
_RATES = range(8000, 48_001)
_ENCODINGS = ("pcm_s16le", "pcm_mulaw")
_MAX_CHUNK_SECONDS = 1
# How much audio may come ahead of the time in which it is spoken. AssemblyAI does not say how much.
_MAX_AHEAD_SECONDS = 20
_STOP_SECONDS = 2.0
_TICK_SECONDS = 0.05


@dataclass(frozen=True)
class _Terms:
    """What a session's address says, and the fault that it meets."""

    sample_rate: int
    encoding: str
    fault: Fault | None

    @property
    def bytes_per_second(self) -> int:
        return self.sample_rate * (1 if self.encoding == "pcm_mulaw" else 2)


class SpeechSockets:
    """Serves sessions in a thread of its own, between `start` and `stop`."""

    def __init__(self, host: str, port: int, api_key: str) -> None:
        self._host = host
        self._api_key = api_key
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="speech-sockets", daemon=True)
        self._listening = threading.Event()
        self._stopped: asyncio.Event | None = None
        self._failure: OSError | None = None
        self.faults: FaultBoard | None = None
        self.sessions: LiveSessions | None = None

    def start(self, faults: FaultBoard, sessions: LiveSessions) -> None:
        """Raises `OSError` if the port is taken."""
        self.faults, self.sessions = faults, sessions
        self._thread.start()
        self._listening.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends all sessions within seconds."""
        if self._stopped is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        """Whatever is left of a session when time is up is cancelled before its loop closes."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        try:
            server = await self._server()
        except OSError as error:
            self._failure = error
            self._listening.set()
            return
        self.port = next(iter(server.sockets)).getsockname()[1]
        self._listening.set()
        await self._stopped.wait()
        server.close(close_connections=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS / 2):
                await server.wait_closed()

    async def _server(self) -> Server:
        logger = logging.getLogger("simulated.websockets")
        logger.setLevel(logging.CRITICAL)
        return await serve(
            self._handle,
            self._host,
            self.port,
            process_request=self._checked,
            compression=None,
            ping_interval=None,
            close_timeout=0.5,
            logger=logger,
        )

    async def _checked(self, connection: ServerConnection, request: Request) -> Response | None:
        """The key, or the token in place of it, is checked by the handshake; what else is wrong
        closes the socket."""
        parts = urlsplit(request.path)
        if parts.path == TOKEN_PATH:
            return self._token(connection, request, parse_qs(parts.query))
        if parts.path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "not found\n")
        token = parse_qs(parts.query).get("token", [""])[0]
        redeemed = self.sessions.tokens.redeem(token) if self.sessions and token else None
        if redeemed is None and not self._has_key(request):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "Not authorized\n")
        max_seconds = redeemed.max_seconds if redeemed else None
        connection.max_seconds = max_seconds  # type: ignore[attr-defined]
        fault = self.faults.take("assemblyai", "stream") if self.faults else None
        if fault is not None and fault.kind == "status":
            return connection.respond(HTTPStatus(fault.status), "simulated\n")
        connection.fault = fault  # type: ignore[attr-defined]
        return None

    def _has_key(self, request: Request) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._api_key.encode())

    def _token(
        self, connection: ServerConnection, request: Request, query: dict[str, list[str]]
    ) -> Response:
        """`GET /v3/token`, which is no handshake."""
        if not self._has_key(request):
            return _json(HTTPStatus.UNAUTHORIZED, {"error": "Not authorized"})
        fault = self.faults.take("assemblyai", "token") if self.faults else None
        if fault is not None and fault.kind == "status":
            return _json(HTTPStatus(fault.status), {"error": "simulated"})
        numbers = numbers_of(query)
        if numbers is None or self.sessions is None:
            return _json(HTTPStatus.BAD_REQUEST, {"error": "Invalid parameter"})
        issued = self.sessions.tokens.issue(*numbers)
        if fault is not None and fault.kind == "lost-answer":
            connection.transport.abort()
        said: dict[str, Any] = {"token": issued.text, "expires_in_seconds": numbers[0]}
        if fault is not None and fault.kind == "no-token":
            said["token"] = None
        return _json(HTTPStatus.OK, said)

    async def _handle(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await self._session(connection)

    async def _session(self, connection: ServerConnection) -> None:
        fault: Fault | None = connection.fault  # type: ignore[attr-defined]
        query = parse_qs(urlsplit(connection.request.path).query) if connection.request else {}
        rate, encoding = query.get("sample_rate", ["16000"])[0], query.get("encoding", [""])[0]
        if not rate.isdecimal() or int(rate) not in _RATES or encoding not in _ENCODINGS:
            await connection.close(3006, "Invalid parameter")
            return
        if fault and fault.kind == "refused":
            await connection.close(1008, "Not authorized")
            return
        if fault and fault.kind == "busy":
            await connection.close(1008, "Too many concurrent sessions")
            return
        if self.sessions is None:
            return
        terms = _Terms(int(rate), encoding, fault)
        max_seconds: int | None = connection.max_seconds  # type: ignore[attr-defined]
        session_id = self.sessions.begin(terms.sample_rate, encoding, max_seconds)
        try:
            await _send(
                connection, {"type": "Begin", "id": session_id, "expires_at": 2_000_000_000}
            )
            await _Talk(connection, self.sessions, session_id, terms).run()
        finally:
            self.sessions.end(session_id, "gone")


class _Talk:
    """One session after its beginning."""

    def __init__(
        self, connection: ServerConnection, sessions: LiveSessions, session_id: str, terms: _Terms
    ) -> None:
        self._connection = connection
        self._sessions = sessions
        self._id = session_id
        self._terms = terms
        self._understanding = Understanding(terms.bytes_per_second)

    async def run(self) -> None:
        while True:
            message = await self._message()
            if message is None:
                self._sessions.end(self._id, "too_long")
                await self._connection.close(3008, "Session expired: maximum duration exceeded")
                return
            if isinstance(message, str):
                if await self._is_over(message):
                    return
                continue
            if len(message) > self._terms.bytes_per_second * _MAX_CHUNK_SECONDS:
                await self._connection.close(3007, "Input duration violation")
                return
            session = self._sessions.add_audio(self._id, len(message))
            if await self._meets_fault(session.audio_seconds):
                return
            if not self._is_stalled(session.audio_seconds):
                for turn in self._understanding.messages(message):
                    await _send(self._connection, turn)

    async def _message(self) -> str | bytes | None:
        """None once the session is as long as its token allows."""
        while not self._sessions.is_too_long(self._id):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    return await self._connection.recv()
        return None

    def _is_stalled(self, seconds: int) -> bool:
        fault = self._terms.fault
        return fault is not None and fault.kind == "stall" and seconds >= fault.seconds

    async def _meets_fault(self, seconds: int) -> bool:
        """`cut`, `too-fast` and `error-event` come after `seconds` of audio; and audio can come too
        fast by itself."""
        fault = self._terms.fault
        if self._sessions.ahead(self._id) > _MAX_AHEAD_SECONDS:
            await self._close_too_fast()
            return True
        if fault is None or seconds < fault.seconds:
            return False
        if fault.kind == "cut":
            self._sessions.end(self._id, "cut")
            self._connection.transport.abort()
            return True
        if fault.kind == "too-fast":
            await self._close_too_fast()
            return True
        if fault.kind == "error-event":
            self._sessions.end(self._id, "error")
            error = {"type": "Error", "error_code": 3005, "error": "Server error"}
            await _send(self._connection, error)
            await self._connection.close(3005, "Server error")
            return True
        return False

    async def _close_too_fast(self) -> None:
        self._sessions.end(self._id, "too_fast")
        await self._connection.close(3007, "Audio sent faster than real time")

    async def _is_over(self, message: str) -> bool:
        if _type_of(message) != "Terminate":
            return False
        fault = self._terms.fault
        if fault and fault.kind == "stall":
            # Never again a word.
            await self._connection.wait_closed()
            return True
        for turn in self._understanding.rest():
            await _send(self._connection, turn)
        audio, session = self._sessions.end(self._id, "terminated")
        said: dict[str, Any] = {"type": "Termination"}
        if not (fault and fault.kind == "no-duration"):
            zero = fault is not None and fault.kind == "zero-duration"
            said["audio_duration_seconds"] = 0 if zero else audio
            said["session_duration_seconds"] = 0 if zero else session
        await _send(self._connection, said)
        await self._connection.close(1000)
        return True


def _type_of(message: str) -> object:
    try:
        parsed = json.loads(message)
    except ValueError:
        return None
    return parsed.get("type") if isinstance(parsed, dict) else None


async def _send(connection: ServerConnection, message: Mapping[str, Any]) -> None:
    await connection.send(json.dumps(message))


def _json(status: HTTPStatus, content: Mapping[str, Any]) -> Response:
    body = json.dumps(content).encode()
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)
