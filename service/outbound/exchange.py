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

_BREAKS = re.compile(r"[\r\n\0]")


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
        self._pool = kind(parts.hostname or "", parts.port, maxsize=size, **own)

    def post(self, path: str, headers: Mapping[str, str], body: bytes, wait: Timeout) -> Response:
        """Headers must name the host. Raises `NotConnected` if nothing was sent, and what urllib3
        raises otherwise."""
        response: Any = self._pool.urlopen(
            "POST", path, body, headers, timeout=wait, retries=False, redirect=False
        )
        return cast(Response, response)


class _Exchange(PlainConnection):
    def request(  # type: ignore[override]
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], **_: object
    ) -> None:
        """In one piece: a second one would cost a second system call, and over TLS a record."""
        if self.sock is None:
            self.connect()
        else:
            self.sock.settimeout(self.timeout)
        self.sock.sendall(_bytes(method, url, body, headers))

    def getresponse(self) -> Response:  # type: ignore[override]
        self._used_at = self._network.monotonic()
        self.sock.settimeout(self.timeout)
        response = read_response(self.sock.recv)
        if not response.kept:
            self.close()
        return response


class _TlsExchange(_Exchange, TlsConnection):
    """The same over TLS."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Exchange  # type: ignore[assignment]


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsExchange  # type: ignore[assignment]


def _bytes(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Raises `ValueError` if a header would break the head."""
    if _BREAKS.search("".join(headers.values())):
        raise ValueError("a header has a line break")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{method} {url} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body
