"""Clients that send or read slowly, or not at all."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

STEP_SECONDS = 0.1


@dataclass
class SlowClient:
    """Sends `first` at once and then one byte of `rest`, for ever from its start, on request.
    `reads` what comes back. Its time is that of its steps: a pause of the machine takes none."""

    url: str
    first: bytes
    rest: bytes = b""
    reads: bool = True
    response: bytes = b""
    ended_after: float | None = None
    _sent: int = 0
    _steps: int = 0

    def __post_init__(self) -> None:
        host, _, port = self.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._socket.settimeout(0)
        if self.first:
            self._socket.send(self.first)

    def send(self, data: bytes) -> None:
        """At once, if it takes the service to read it."""
        self._socket.settimeout(30)
        with suppress(OSError):
            self._socket.sendall(data)
        self._socket.settimeout(0)

    def step(self) -> None:
        if self.ended_after is not None:
            return
        self._steps += 1
        try:
            self._step()
        except OSError:
            self._end()

    def _step(self) -> None:
        try:
            if self.rest:
                self._socket.send(self.rest[self._sent % len(self.rest) :][:1])
                self._sent += 1
            if not self.reads:
                return
            while data := self._socket.recv(65536):
                self.response += data
            self._end()
        except BlockingIOError:
            pass

    def _end(self) -> None:
        self.ended_after = self._steps * STEP_SECONDS

    def close(self) -> None:
        self._socket.close()


POST = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


HUGE = POST + b"Content-Length: 9000000\r\n\r\n"


SLOW: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "a dripping head": (b"POST /notes HTTP/1.1\r\n", b"X-A: b\r\n"),
    "half a head": (b"POST /notes HTTP/1.1\r\nHost: x\r\n", b""),
    "a dripping body": (POST + b"Content-Length: 1000\r\n\r\n", b" "),
    "a body that never comes": (POST + b"Content-Length: 1000\r\n\r\n", b""),
    "a dripping large body": (HUGE, b" "),
    "a large body that never comes": (HUGE, b""),
    "a dripping chunk": (CHUNKED + b"ffff\r\n", b" "),
    "chunks of one byte": (CHUNKED, b"1\r\n \r\n"),
    "chunks that never come": (CHUNKED, b""),
    "a body awaited by the server": (
        POST + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
        b"",
    ),
    "a second request that drips": (b"GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /pa", b""),
}


def suffered(clients: list[SlowClient], seconds: float) -> None:
    """The clients go on being slow until all are cut or the time is over."""
    for _ in range(round(seconds / STEP_SECONDS)):
        if all(client.ended_after is not None for client in clients):
            break
        for client in clients:
            client.step()
        time.sleep(STEP_SECONDS)


@contextmanager
def slow_clients(
    url: str, number: int, first: bytes, rest: bytes, *, reads: bool = True
) -> Iterator[list[SlowClient]]:
    with ExitStack() as stack:
        clients = []
        for _ in range(number):
            time.sleep(0.01)
            clients.append(SlowClient(url, first, rest, reads))
            stack.callback(clients[-1].close)
        yield clients
