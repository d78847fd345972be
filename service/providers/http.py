"""HTTP requests to providers. A failure says whether the request may have arrived."""

import json
import ssl
import zlib
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from service.core.clock import Clock
from service.outbound.exchange import connection
from service.outbound.network import Network
from service.outbound.response import Response
from service.outbound.sockets import MAX_RECEIVED_BYTES
from service.outbound.trust import public_roots

MAX_RESPONSE_BYTES = 256 * 1024
CHUNK_BYTES = 16 * 1024
CONNECT_SECONDS = 3.0
MAX_QUERY_CONNECTIONS = 32

_TROUBLES = (HTTPError, HTTPException, OSError)


class NeverSent(Exception):
    """The connection or the TLS handshake failed, or came too late: the request cannot have
    arrived."""


class NoResponse(Exception):
    """The request may have arrived; no whole, bounded response came back in time."""


@dataclass(frozen=True)
class Reply:
    """A whole response. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def json(self) -> Any:
        """The body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class ProviderHttp:
    """Sends POSTs, GETs and DELETEs. Proxies and credentials of the environment are not used,
    redirects are not followed, nothing is retried. The deadline of a call holds for connecting, the
    handshake, the request and the response together, however slowly a server sends or takes it.

    `tls` says whom to trust; without it, the public roots. All connections share it: loading the
    roots takes longer than a whole request does. A response to GET and DELETE may have
    `max_received_bytes`, its head included."""

    def __init__(
        self,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        max_received_bytes: int = MAX_RECEIVED_BYTES,
    ) -> None:
        self._clock = clock
        self._tls = tls or public_roots()
        self._network = Network(clock)
        self._pool = self._network.pool(self._tls, MAX_QUERY_CONNECTIONS, max_received_bytes)

    def send_once(self, url: str, headers: Mapping[str, str], body: bytes, until: float) -> Reply:
        """One POST on a connection of its own, ended by the monotonic time `until`. Raises
        `NeverSent` or `NoResponse`."""
        parts = urlsplit(url)
        sent = {"Host": parts.netloc, "Accept-Encoding": "identity", **headers}
        with closing(connection(self._network, url, self._tls)) as opened:
            self._connect(opened, until)
            try:
                # A server may refuse before it has read everything; its response counts.
                with suppress(BrokenPipeError):
                    opened.request("POST", parse_url(url).request_uri, body, sent)
                opened.timeout = self._left(until)
                response = opened.getresponse()
            except _TROUBLES as error:
                raise NoResponse from error
            return Reply(response.status, _decoded(response), response.headers)

    def get(
        self,
        url: str,
        headers: Mapping[str, str],
        until: float,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Reply:
        """One GET. Raises `NoResponse`, also for a body of more than `max_bytes`."""
        return self._pooled("GET", url, headers, until, max_bytes)

    def delete(
        self,
        url: str,
        headers: Mapping[str, str],
        until: float,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Reply:
        """One DELETE. Raises `NoResponse`: it may have arrived."""
        return self._pooled("DELETE", url, headers, until, max_bytes)

    def _pooled(
        self, method: str, url: str, headers: Mapping[str, str], until: float, max_bytes: int
    ) -> Reply:
        left = self._left(until)
        if left <= 0:
            raise NoResponse
        wait = Timeout(total=left, connect=min(CONNECT_SECONDS, left))
        try:
            with self._pool.request(
                method, url, headers=headers, timeout=wait, redirect=False, preload_content=False
            ) as response:
                return self._reply(response, until, max_bytes)
        except _TROUBLES as error:
            raise NoResponse from error

    def _connect(self, connection: HTTPConnection, until: float) -> None:
        """Opens the connection without sending anything, and sets its deadline. Raises
        `NeverSent`."""
        try:
            connection.timeout = min(CONNECT_SECONDS, max(self._left(until), 0.001))
            connection.connect()
        except _TROUBLES as error:
            raise NeverSent from error
        connection.timeout = self._left(until)
        if connection.timeout <= 0:
            raise NeverSent

    def _reply(self, response: BaseHTTPResponse, until: float, max_bytes: int) -> Reply:
        """Returns the body. Refuses one that is too long or is not complete by the deadline."""
        body = bytearray()
        while chunk := response.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes or self._left(until) <= 0:
                raise NoResponse
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, bytes(body), headers)

    def _left(self, until: float) -> float:
        return until - self._clock.monotonic()


def _decoded(response: Response) -> bytes:
    """Some servers compress whatever a request accepts. Raises `NoResponse`."""
    body, coding = response.body, response.headers.get("content-encoding", "identity").lower()
    if coding == "gzip":
        decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            body = decoder.decompress(body, MAX_RESPONSE_BYTES + 1)
        except zlib.error as error:
            raise NoResponse from error
        if not decoder.eof:
            raise NoResponse
    if coding not in ("gzip", "identity") or len(body) > MAX_RESPONSE_BYTES:
        raise NoResponse
    return body
