"""Sockets, plain and TLS, whose time limit holds for all that follows together.

The standard library starts a time-out anew with each receive, and gevent's TLS even with each piece
of a record: a server that sends a byte at a time never meets either. So TLS runs over our own
socket here (urllib3's `SSLTransport`), the same with threads and with greenlets."""

import socket
import ssl
from contextlib import suppress
from typing import Any

from urllib3.util.ssltransport import SSLTransport

from service.core.clock import Clock

# Far more than any response we read. Without a bound, what a server sends without a pause (an
# endless `100 Continue`) is read without ever waiting, and no other greenlet runs meanwhile.
MAX_RECEIVED_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024


class ReceivedTooMuch(OSError):
    """More came in than any response has."""


class BoundedSocket(socket.socket):
    """A TCP socket. `settimeout` limits everything until it is called again, handshake, request and
    response alike, and the bytes that come in."""

    def __init__(self, family: int, clock: Clock, received_bytes: int = MAX_RECEIVED_BYTES) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._clock = clock
        self._until = clock.monotonic()
        self._max_received_bytes = received_bytes
        self._receivable_bytes = received_bytes

    def settimeout(self, seconds: float | None) -> None:
        if seconds is None:
            raise ValueError("a time limit is required")
        self._until = self._clock.monotonic() + seconds
        self._receivable_bytes = self._max_received_bytes

    def connect_within(self, seconds: float, address: Any) -> None:
        """Connects within that time and what is left of the limit. Raises `OSError`."""
        self._limit(seconds)
        self.connect(address)

    def is_quiet(self) -> bool:
        """Whether it is open and has received nothing that is still unread. Never waits. Polling
        would do, but gevent's sets up a wait of its own even for that."""
        try:
            super().settimeout(0)
            super().recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def interrupt(self) -> None:
        """Ends whatever another thread or greenlet waits for on it. The socket stays theirs to
        close: its number could be another's by the time they use it."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def recv(self, *arguments: Any) -> bytes:
        self._limit()
        received = super().recv(*arguments)
        self._count(len(received))
        return received

    def recv_into(self, *arguments: Any) -> int:
        self._limit()
        received = super().recv_into(*arguments)
        self._count(received)
        return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """In pieces, each within what is left: gevent limits only each of its waits."""
        with memoryview(data) as view, view.cast("B") as octets:
            sent = 0
            while sent < len(octets):
                self._limit()
                sent += self.send(octets[sent : sent + PIECE_BYTES], flags)

    def _limit(self, seconds: float | None = None) -> None:
        left = self._until - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this call is over")
        super().settimeout(left if seconds is None else min(seconds, left))

    def _count(self, received: int) -> None:
        self._receivable_bytes -= received
        if self._receivable_bytes < 0:
            raise ReceivedTooMuch


class TlsStream(SSLTransport):
    """TLS over a `BoundedSocket`; the handshake is done when it is made. Raises `OSError`,
    `ssl.SSLError` among it."""

    def __init__(self, bounded: BoundedSocket, tls: ssl.SSLContext, host: str) -> None:
        super().__init__(bounded, tls, server_hostname=host)
        self._bounded = bounded

    def is_quiet(self) -> bool:
        """As the socket's. What came together with the last response is here, not there."""
        unread = self.sslobj.pending() or self.incoming.pending
        return not unread and self._bounded.is_quiet()

    def interrupt(self) -> None:
        """As the socket's."""
        self._bounded.interrupt()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """In pieces: encrypting ten megabytes at once would keep every other greenlet waiting, and
        hold a second copy of them."""
        with memoryview(data) as view, view.cast("B") as octets:
            for start in range(0, len(octets), PIECE_BYTES):
                piece = octets[start : start + PIECE_BYTES]
                super().sendall(piece, flags)  # type: ignore[arg-type]
