"""Clients of the real web process: kept connections, each with one request at a time."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.bench.report import percentile
from tests.bench.wire import Wire

RESPONSE_SECONDS = 60.0

# Returns the raw bytes of the request with that number.
Requests = Callable[[int], bytes]


@dataclass(frozen=True)
class Load:
    """What came back."""

    statuses: Counter[int]
    seconds: float
    milliseconds: list[float]

    @property
    def rate(self) -> float:
        return len(self.milliseconds) / self.seconds

    def at(self, share: float) -> str:
        return f"{percentile(self.milliseconds, share):.0f}"

    def summary(self) -> str:
        """The statuses, most frequent first, as `200 × 196`."""
        return ", ".join(f"{status} × {count}" for status, count in self.statuses.most_common())


def load(port: int, requests: Requests, clients: int, count: int, first: int = 0) -> Load:
    """`count` requests, numbered from `first`, over that many connections at once. Raises `OSError`
    or `Ended`."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as executor:
        parts = list(
            executor.map(lambda own: _client(port, requests, own), _shares(first, count, clients))
        )
    seconds = time.perf_counter() - started
    responses = [response for part in parts for response in part]
    return Load(
        Counter(status for status, _ in responses), seconds, [spent for _, spent in responses]
    )


def _shares(first: int, count: int, clients: int) -> list[range]:
    return [range(first + client, first + count, clients) for client in range(clients)]


def _client(port: int, requests: Requests, numbers: range) -> list[tuple[int, float]]:
    wire = Wire.to(port, RESPONSE_SECONDS)
    responses = []
    for number in numbers:
        started = time.perf_counter()
        wire.socket.sendall(requests(number))
        head, _ = wire.read()
        responses.append((int(head.split(None, 2)[1]), (time.perf_counter() - started) * 1000))
    wire.socket.close()
    return responses
