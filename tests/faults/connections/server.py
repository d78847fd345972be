"""A server in DynamoDB's place that knows of each request how much of it came, and whether it
applied it. What it does to a connection is a disturbance's."""

import json
import random
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.connections.authority import Certificates

# How long a server that hangs does: far beyond the limits of any call, and yet it ends.
HANG_SECONDS = 8.0
JSON = "application/x-amz-json-1.0"
# Holds back what is written until it is released; macOS has another name for it.
CORK = int(getattr(socket, "TCP_CORK", None) or socket.TCP_NOPUSH)  # type: ignore[attr-defined]
REFUSAL = "ConditionalCheckFailedException"


class Ended(Exception):
    """The client closed its connection."""


@dataclass
class Truth:
    """What became of one call, as the server knows it. `over` is set when the server is done with
    it, `returned` when the client is."""

    id: str
    random: random.Random
    limit_seconds: float = 0.0
    disturb: "Disturb | None" = None
    greet: "Greet | None" = None
    received_bytes: int = 0
    requests: int = 0
    applied: bool = False
    refused: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    returned: threading.Event = field(default_factory=threading.Event)


class Connection:
    """A connection that was accepted; the TLS handshake may come later."""

    def __init__(self, accepted: socket.socket, certificates: Certificates | None) -> None:
        self.socket = accepted
        self.certificates = certificates
        self._raw = accepted.dup()

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def write_unencrypted(self, data: bytes) -> None:
        """Below TLS, if there is TLS."""
        self._raw.sendall(data)

    def finish(self) -> None:
        """Nothing more will be written: FIN."""
        self._raw.shutdown(socket.SHUT_WR)

    def interrupt(self) -> None:
        """Ends it while another thread may read from it."""
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.interrupt()
        self.socket.close()
        self._raw.close()

    def reset(self) -> None:
        """RST, and what the client has not read yet is lost."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self._raw.close()

    def write_together(self, first: bytes, second: bytes, pause_seconds: float = 0) -> None:
        """Two writes; without a pause they leave in one packet, each in a TLS record."""
        if not pause_seconds:
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            self._raw.setsockopt(socket.IPPROTO_TCP, CORK, 1)
        self.socket.sendall(first)
        time.sleep(pause_seconds)
        self.socket.sendall(second)
        if not pause_seconds:
            self._raw.setsockopt(socket.IPPROTO_TCP, CORK, 0)
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wait_for_client(self) -> int:
        """Until it closes, or for `HANG_SECONDS`. The number of bytes that came meanwhile."""
        self.socket.settimeout(HANG_SECONDS)
        count = 0
        with suppress(OSError):
            while received := self.socket.recv(65536):
                count += len(received)
        return count


@dataclass
class Request:
    """A request that is being received. `body` is there once all of it came."""

    connection: Connection
    truth: Truth
    head: bytes = b""
    body: bytes = b""

    def receive(self, max_bytes: int | None = None) -> None:
        """All of it, or no more than that many bytes. Raises `Ended` where the client does."""
        while not self.head.endswith(b"\r\n\r\n") and self._may(max_bytes):
            self.head += self._read(1)
        length = self.content_length if self.head.endswith(b"\r\n\r\n") else 0
        while len(self.body) < length and self._may(max_bytes):
            left = length - len(self.body)
            if max_bytes is not None:
                left = min(left, max_bytes - len(self.head) - len(self.body))
            self.body += self._read(min(left, 65536))
        if self.body and len(self.body) == length and self.id == self.truth.id:
            self.truth.requests += 1

    @property
    def id(self) -> str:
        """That of the call, by the item that it writes."""
        return str(json.loads(self.body)["Item"]["id"]["S"])

    @property
    def content_length(self) -> int:
        for line in self.head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line.partition(b":")[2])
        return 0

    def _may(self, max_bytes: int | None) -> bool:
        return max_bytes is None or len(self.head) + len(self.body) < max_bytes

    def _read(self, size: int) -> bytes:
        received = self.connection.socket.recv(size)
        if not received:
            raise Ended
        self.truth.received_bytes += len(received)
        return received

    def apply(self) -> bytes:
        """Applies it; DynamoDB's response, which names the request."""
        self.truth.applied = self.truth.applied or self.id == self.truth.id
        return response({"Attributes": {"id": {"S": self.id}}})

    def refuse(self) -> bytes:
        self.truth.refused = True
        return response({"__type": f"com.amazonaws.dynamodb#{REFUSAL}"}, 400)


Disturb = Callable[[Request], None]
"""Serves a request whose first byte was read. Returns if the connection is kept, or closed it."""
Greet = Callable[[Connection, Truth], bool]
"""Meets a new connection before TLS. True if it goes on as usual."""


def response(content: object, status: int = 200, **more: str) -> bytes:
    """A response as DynamoDB sends it, with more headers (`_` for `-`) or others."""
    body = json.dumps(content).encode()
    headers = {
        "Server": "Server",
        "Content-Type": JSON,
        "Content-Length": str(len(body)),
        "x-amzn-RequestId": "R0",
        "x-amz-crc32": str(zlib.crc32(body)),
    } | {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"HTTP/1.1 {status} Reason\r\n{lines}\r\n".encode() + body


def serve(request: Request) -> None:
    """As DynamoDB does."""
    request.receive()
    request.connection.write(request.apply())


class Server:
    """Serves one client that makes one call at a time; `truth` is about the call that comes next.
    After `stop` every truth is complete."""

    def __init__(self, certificates: Certificates | None) -> None:
        self._certificates = certificates
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.truth = Truth("", random.Random(0))
        self._connections: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def next_truth(self) -> Truth:
        """About the call whose request begins to come."""
        return self.truth

    def request(self, connection: Connection, truth: Truth, head: bytes) -> Request:
        return Request(connection, truth, head)

    def close_kept(self) -> None:
        """Closes the connections that are open."""
        for connection in tuple(self._connections):
            connection.interrupt()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_kept()
        for thread in (self._accepting, *self._threads):
            thread.join(2 * HANG_SECONDS)
            assert not thread.is_alive()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(accepted, self._certificates)
                thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
                self._threads = [each for each in self._threads if each.is_alive()] + [thread]
                thread.start()

    def _run(self, connection: Connection) -> None:
        truth = self.truth
        connection.socket.settimeout(2 * HANG_SECONDS)
        self._connections.append(connection)
        try:
            self._serve(connection, truth)
        except (OSError, Ended):
            pass
        finally:
            self._connections.remove(connection)
            connection.close()
            truth.over.set()

    def _serve(self, connection: Connection, truth: Truth) -> None:
        if truth.greet and not truth.greet(connection, truth):
            return
        if self._certificates:
            connection.encrypt(self._certificates.good)
        while first := connection.socket.recv(1):
            truth = self.next_truth()
            truth.received_bytes += 1
            try:
                (truth.disturb or serve)(self.request(connection, truth, first))
            finally:
                truth.over.set()
