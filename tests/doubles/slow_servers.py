"""Servers that take their time at one step of a call, and never stop by themselves.

Each accepts connections on loopback until it is closed, and notes whether anything has come."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

PAUSE_SECONDS = 0.05
MAX_SECONDS = 60.0
# What is given up in time takes less than that, even on a machine that pauses; what is not, lasts
# as long as the server does.
IN_TIME_SECONDS = 40.0

MAX_TRIES = 5

Serve = Callable[[socket.socket], None]
Result = TypeVar("Result")


class Noted:
    """A connection that notes when something has been received on it."""

    def __init__(self, connection: socket.socket, received: threading.Event) -> None:
        self._connection = connection
        self._received = received

    def recv(self, count: int) -> bytes:
        data = self._connection.recv(count)
        if data:
            self._received.set()
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def noted(connection: socket.socket, received: threading.Event) -> Any:
    return Noted(connection, received)


class SlowServer:
    """Serves each connection by that function, after the TLS handshake if there is a context."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._tls = tls
        self._received = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://127.0.0.1:{self._listener.getsockname()[1]}/path"

    @property
    def has_received(self) -> bool:
        """Whether anything of a request has been read, after the TLS handshake."""
        return self._received.is_set()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(MAX_SECONDS)
            if self._tls is None:
                self._serve(noted(connection, self._received))
                return
            with self._tls.wrap_socket(connection, server_side=True) as stream:
                self._serve(noted(stream, self._received))

    def __enter__(self) -> "SlowServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Ends an accept without a connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(MAX_SECONDS)


def until_received(server: SlowServer, call: Callable[[], Result]) -> Result:
    """What the call returns. One that a pause of this machine ended before anything was sent is
    made again."""
    for _ in range(MAX_TRIES - 1):
        result = call()
        if server.has_received:
            return result
    return call()


def drip(connection: socket.socket, text: bytes) -> None:
    """A byte at a time, for `MAX_SECONDS` at most."""
    ends_at = time.monotonic() + MAX_SECONDS
    for place in range(len(text)):
        if time.monotonic() > ends_at:
            return
        connection.sendall(text[place : place + 1])
        time.sleep(PAUSE_SECONDS)


def drip_head(connection: socket.socket) -> None:
    connection.recv(65536)
    drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000)


def drip_body(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    drip(connection, b" " * 10_000)


def drip_continue(connection: socket.socket) -> None:
    """`100 Continue`, again and again, with a pause."""
    connection.recv(65536)
    ends_at = time.monotonic() + MAX_SECONDS
    while time.monotonic() < ends_at:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(PAUSE_SECONDS)


def flood_continue(connection: socket.socket) -> None:
    """The same as fast as it is read."""
    connection.recv(65536)
    ends_at = time.monotonic() + MAX_SECONDS
    while time.monotonic() < ends_at:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def drip_handshake(connection: socket.socket) -> None:
    """Begins a TLS record, the response to a client's hello, and sends it a byte at a time."""
    connection.recv(65536)
    drip(connection, b"\x16\x03\x03\x3f\xff\x02" + b"\x00" * 10_000)


def take_slowly(connection: socket.socket) -> None:
    """Reads a little of the request from time to time."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ends_at = time.monotonic() + MAX_SECONDS
    while time.monotonic() < ends_at and connection.recv(2048):
        time.sleep(PAUSE_SECONDS)


def stay_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass
