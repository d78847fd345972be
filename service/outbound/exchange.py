"""Kept connections to one server, in urllib3's pool, for small requests that have to be cheap: each
is sent in one piece, and its response read by `outbound.response`."""

import re
import ssl
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout

from service.outbound.network import Network, PlainConnection, TlsConnection
from service.outbound.response import Response, read_response

# Joining costs a copy of the body.
MAX_JOINED_BYTES = 64 * 1024
_ALWAYS = {"accept-encoding": "identity", "user-agent": "farebox"}
_BREAKS = re.compile(r"[\r\n\0]")


def connection(network: Network, url: str, tls: ssl.SSLContext) -> "Exchange":
    """A connection to that address for one request."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return _TlsExchange(parts.hostname or "", parts.port, network=network, ssl_context=tls)
    return Exchange(parts.hostname or "", parts.port, network=network)


class Exchanges:
    """At most `size` kept connections to the server of that address. Nothing is retried, decoded or
    redirected, and proxies of the environment are not used."""

    def __init__(
        self, network: Network, url: str, tls: ssl.SSLContext, size: int, received_bytes: int
    ) -> None:
        parts = urlsplit(url)
        own: dict[str, Any] = {"network": network, "received_bytes": received_bytes}
        if parts.scheme == "https":
            own |= {"ssl_context": tls}
        kind = _TlsPool if parts.scheme == "https" else _PlainPool
        self.pool = kind(parts.hostname or "", parts.port, maxsize=size, **own)

    def post(self, path: str, headers: Mapping[str, str], body: bytes, wait: Timeout) -> Response:
        """Headers must name the host. Raises `NotConnected` if nothing was sent, and what urllib3
        raises otherwise."""
        response: Any = self.pool.urlopen(
            "POST", path, body, {**_ALWAYS, **headers}, timeout=wait, retries=False, redirect=False
        )
        return cast(Response, response)


class Exchange(PlainConnection):
    """A connection, not opened before `connect` or the first request."""

    def request(  # type: ignore[override]
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], **_: object
    ) -> None:
        """In one piece if the body is small: a second one would cost a second system call, and over
        TLS a record."""
        if self.sock is None:
            self.connect()
        else:
            self.sock.settimeout(self.timeout)
        head = _head(method, url, headers, len(body))
        if len(body) <= MAX_JOINED_BYTES:
            self.sock.sendall(head + body)
            return
        self.sock.sendall(head)
        self.sock.sendall(body)

    def getresponse(self) -> Response:  # type: ignore[override]
        self._used_at = self._network.monotonic()
        self.sock.settimeout(self.timeout)
        response = read_response(self.sock.recv)
        if not response.kept:
            self.close()
        return response


class _TlsExchange(Exchange, TlsConnection):
    """The same over TLS."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = Exchange  # type: ignore[assignment]


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsExchange  # type: ignore[assignment]


def _head(method: str, url: str, headers: Mapping[str, str], length: int) -> bytes:
    """Raises `ValueError` if a header would break the head."""
    if _BREAKS.search("".join(headers.values())):
        raise ValueError("a header has a line break")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{method} {url} HTTP/1.1\r\n{lines}Content-Length: {length}\r\n\r\n".encode("latin-1")
