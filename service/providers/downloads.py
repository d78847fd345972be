"""Files that a provider offers at an address, read piece by piece: bounded in size and time, and
believed only when they are whole."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from service.core.clock import Clock
from service.outbound.network import Network

CONNECT_SECONDS = 3.0
MAX_CONNECTIONS = 8
READ_BYTES = 64 * 1024
# What a response has besides the file.
_AROUND_BYTES = 1024 * 1024
_TROUBLES = (HTTPError, HTTPException, OSError)
_HEADERS = {"Accept-Encoding": "identity"}


class DownloadFailed(Exception):
    """The file did not come whole, in time, or within its bound. The text names no address: one may
    be a permission."""


class FileTooLarge(DownloadFailed):
    """The file is larger than its bound, whenever it is fetched."""


class FileMissing(DownloadFailed):
    """The server says that there is no such file, or not any more."""


class Downloads:
    """Fetches files of at most `max_bytes`. Nothing is retried, redirects are not followed, and no
    credentials are sent."""

    def __init__(self, network: Network, tls: ssl.SSLContext, clock: Clock, max_bytes: int) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._pool = network.pool(tls, MAX_CONNECTIONS, max_bytes + _AROUND_BYTES)

    @contextmanager
    def pieces(self, url: str, piece_bytes: int, until: float) -> Iterator[Iterator[bytes]]:
        """The file in pieces, all but the last of which have that size, with all of it received by
        the monotonic time `until`. Raises `DownloadFailed` (`FileTooLarge`, and at once
        `FileMissing`), at once or from any piece."""
        left = until - self._clock.monotonic()
        if left <= 0:
            raise DownloadFailed("there is no time left")
        wait = Timeout(total=left, connect=min(CONNECT_SECONDS, left))
        try:
            response = self._pool.request(
                "GET",
                url,
                headers=_HEADERS,
                timeout=wait,
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (*_TROUBLES, UnicodeError) as error:
            raise DownloadFailed(type(error).__name__) from error
        try:
            self._check(response)
            yield self._read(response, piece_bytes, until)
        finally:
            response.close()

    def _check(self, response: BaseHTTPResponse) -> None:
        """A body without an announced length or marked chunks ends with the connection: no one
        knows whether it is whole. urllib3 raises where one is shorter than announced."""
        if response.status in (404, 410):
            raise FileMissing(f"status {response.status}")
        if response.status != 200:
            raise DownloadFailed(f"status {response.status}")
        announced = response.headers.get("content-length", "")
        if not response.chunked and not announced.isdecimal():
            raise DownloadFailed("no length")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise FileTooLarge("too large")

    def _read(self, response: BaseHTTPResponse, piece_bytes: int, until: float) -> Iterator[bytes]:
        received = 0
        while piece := self._piece(response, piece_bytes, until):
            received += len(piece)
            if received > self._max_bytes:
                raise FileTooLarge("too large")
            yield piece

    def _piece(self, response: BaseHTTPResponse, size: int, until: float) -> bytes:
        piece = bytearray()
        while len(piece) < size:
            if self._clock.monotonic() >= until:
                raise DownloadFailed("it took too long")
            try:
                read = response.read(min(size - len(piece), READ_BYTES))
            except _TROUBLES as error:
                raise DownloadFailed(type(error).__name__) from error
            if not read:
                break
            piece += read
        return bytes(piece)
