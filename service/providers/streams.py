"""One POST whose response is read piece by piece, on a connection of its own.

In a file of its own because the waits of a stream are others: for the first byte, between two
bytes, and for everything together."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from service.core.clock import Clock
from service.outbound.exchange import connection
from service.outbound.network import Network
from service.outbound.response import PIECE_BYTES, BadResponse, Incoming
from service.outbound.trust import public_roots
from service.providers.http import CONNECT_SECONDS, MAX_RESPONSE_BYTES, NeverSent, Reply

# A response of 128,000 tokens is about 32 MB of events, and its text comes five times.
MAX_STREAM_BYTES = 64 * 1024 * 1024


class Interruption(StrEnum):
    """Why a stream ended before its end."""

    CUT = "cut"
    STALLED = "stalled"
    EXPIRED = "expired"
    MALFORMED = "malformed"
    CANCELLED = "cancelled"


class Interrupted(Exception):
    """The request may have arrived, unless it was cancelled; the response is not whole."""

    def __init__(self, cause: Interruption) -> None:
        super().__init__(cause.value)
        self.cause = cause


@dataclass(frozen=True)
class Waits:
    """How long to wait for the first byte of a response, and for the next byte of a body."""

    first_byte_seconds: float
    stall_seconds: float


class Streams:
    """Opens streams. Proxies of the environment are not used, redirects are not followed, nothing
    is sent twice."""

    def __init__(self, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        self._clock = clock
        self._tls = tls or public_roots()
        self._network = Network(clock)

    def prepare(self, url: str, waits: Waits, until: float) -> "ByteStream":
        """A stream from that address, not connected yet, which ends by the monotonic time
        `until`."""
        opened = connection(self._network, url, self._tls)
        return ByteStream(opened, url, self._clock, waits, until)


class ByteStream:
    """Read by one thread; `cancel` may be called by any other."""

    def __init__(self, connection: Any, url: str, clock: Clock, waits: Waits, until: float) -> None:
        self._connection = connection
        self._url = url
        self._clock = clock
        self._waits = waits
        self._until = until
        self._guard = threading.Lock()
        self._cancelled = False
        self._incoming = Incoming()
        self._left_bytes = MAX_STREAM_BYTES

    @property
    def status(self) -> int:
        return self._incoming.status

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case."""
        return self._incoming.headers

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def send(self, headers: Mapping[str, str], body: bytes) -> None:
        """Sends the request and reads the head of the response. Raises `NeverSent` or
        `Interrupted`."""
        self._connect()
        parts = urlsplit(self._url)
        sent = {"Host": parts.netloc, "Accept-Encoding": "identity", **headers}
        try:
            # A server may refuse before it has read everything; its response counts.
            with suppress(BrokenPipeError):
                self._connection.request("POST", parse_url(self._url).request_uri, body, sent)
        except TimeoutError as error:
            raise self._late() from error
        except (HTTPError, HTTPException, OSError) as error:
            raise self._interrupted(Interruption.CUT) from error
        while not self.status:
            self._receive(self._waits.first_byte_seconds)
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise Interrupted(Interruption.MALFORMED)

    def pieces(self) -> Iterator[bytes]:
        """The body. Raises `Interrupted`."""
        while True:
            if piece := self._incoming.take():
                yield piece
            if self._incoming.complete:
                return
            self._receive(self._waits.stall_seconds)

    def reply(self) -> Reply:
        """The whole body, which is short. Raises `Interrupted`."""
        body = b""
        for piece in self.pieces():
            body += piece
            if len(body) > MAX_RESPONSE_BYTES:
                raise Interrupted(Interruption.MALFORMED)
        return Reply(self.status, body)

    def cancel(self) -> None:
        """Ends whatever the reading thread waits for, with `CANCELLED`. Sends nothing that has not
        been sent."""
        with self._guard:
            self._cancelled = True
            if self._connection.sock is not None:
                self._connection.sock.interrupt()

    def close(self) -> None:
        with self._guard:
            self._connection.close()

    def _connect(self) -> None:
        left = self._left()
        if left <= 0:
            raise NeverSent
        self._connection.timeout = min(CONNECT_SECONDS, left)
        try:
            self._connection.connect()
        except (HTTPError, HTTPException, OSError) as error:
            raise NeverSent from error
        if self._cancelled:
            raise Interrupted(Interruption.CANCELLED)
        if self._left() <= 0:
            raise NeverSent
        self._connection.timeout = min(self._waits.first_byte_seconds, self._left())

    def _receive(self, seconds: float) -> None:
        """Reads on, for at most that time."""
        left = self._left()
        if left <= 0:
            raise self._interrupted(Interruption.EXPIRED)
        received = self._received(min(seconds, left))
        self._left_bytes -= len(received)
        if self._left_bytes < 0:
            raise Interrupted(Interruption.MALFORMED)
        try:
            if received:
                self._incoming.feed(received)
            else:
                self._end()
        except BadResponse as error:
            raise self._interrupted(Interruption.MALFORMED) from error

    def _received(self, seconds: float) -> bytes:
        opened = self._connection.sock
        try:
            opened.settimeout(seconds)
            received: bytes = opened.recv(PIECE_BYTES)
        except TimeoutError as error:
            raise self._late() from error
        except OSError as error:
            raise self._interrupted(Interruption.CUT) from error
        if self._cancelled:
            raise Interrupted(Interruption.CANCELLED)
        return received

    def _end(self) -> None:
        try:
            self._incoming.end()
        except BadResponse as error:
            raise self._interrupted(Interruption.CUT) from error

    def _late(self) -> Interrupted:
        over = self._left() <= 0
        return self._interrupted(Interruption.EXPIRED if over else Interruption.STALLED)

    def _interrupted(self, cause: Interruption) -> Interrupted:
        return Interrupted(Interruption.CANCELLED if self._cancelled else cause)

    def _left(self) -> float:
        return self._until - self._clock.monotonic()
