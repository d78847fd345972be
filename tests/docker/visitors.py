"""Clients like any other, which must not notice the slow ones."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.doubles.pulse import Pulse

# Stock gunicorn is away as long as the slow clients stay.
MAX_RESPONSE_SECONDS = 3.0
# A client that is stopped for longer in the middle of its request is a slow one itself.
MAX_PAUSE_SECONDS = 0.5


def ordinary(url: str) -> int:
    """A request like any other, on a connection of its own and in two pieces."""
    host, _, port = url.removeprefix("http://").partition(":")
    data = b'{"theNote": "hi"}'
    head = (
        b"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(data))
        time.sleep(0.02)
        connection.sendall(data)
        return int([*connection.recv(65536).split(), b"", b"0"][1])


def probe(url: str) -> int:
    return requests.get(f"{url}/health/live", timeout=30).status_code


@dataclass
class Visitor:
    """Sends requests in a loop and remembers how long each response took and what it was, but for
    those during which the machine paused."""

    request_status: Callable[[str], int]
    url: str
    pulse: Pulse
    seconds: list[float] = field(default_factory=list)
    responses: list[int | str] = field(default_factory=list)

    def go_on(self, until: Callable[[], bool]) -> None:
        while not until():
            began, start = time.monotonic(), self.pulse.seconds
            response: int | str
            try:
                response = self.request_status(self.url)
            except OSError as error:
                response = type(error).__name__
            ran = self.pulse.seconds - start
            if time.monotonic() - began - ran < MAX_PAUSE_SECONDS:
                self.responses.append(response)
                self.seconds.append(ran)
            time.sleep(0.1)

    def assert_served(self) -> None:
        assert set(self.responses) == {200}
        assert max(self.seconds) < MAX_RESPONSE_SECONDS


@contextmanager
def visited(url: str) -> Iterator[list[Visitor]]:
    """While the block runs, others call."""
    over = threading.Event()
    with Pulse() as pulse:
        visitors = [Visitor(probe, url, pulse), Visitor(ordinary, url, pulse)]
        threads = [
            threading.Thread(target=visitor.go_on, args=(over.is_set,)) for visitor in visitors
        ]
        for thread in threads:
            thread.start()
        try:
            yield visitors
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
