"""One client and the server that disturbs it, one call at a time."""

import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from urllib3 import Timeout

from service.core.clock import SystemClock
from service.outbound.exchange import Exchanges
from service.outbound.network import Network
from service.storage.dynamodb import DynamoDb, HttpWire
from service.storage.outcomes import Applied, NeverSent, Outcome, Refused
from service.storage.signing import Signer
from tests.faults.connections.authority import HOST, Certificates
from tests.faults.connections.disturbances import DISTURBANCES, Disturbance
from tests.faults.connections.responses import MAX_RECEIVED_BYTES
from tests.faults.connections.server import Server, Truth

CONNECT_SECONDS = READ_SECONDS = 0.2
CALM_SECONDS = 20.0
SETTLE_SECONDS = 1.5
# How much later than its limit a call may end on a busy machine: less than a server hangs.
MARGIN_SECONDS = 6.0
BODY_BYTES = (10, 3_000, 40_000, 400_000)
CONNECTIONS = 2


@dataclass(frozen=True)
class Result:
    """A disturbed call. `fault` says what was wrong with it, or with the call after it."""

    disturbance: str
    outcome: str
    seconds: float
    fault: str


class Unreachable:
    """Addresses where no connection comes about."""

    def __init__(self) -> None:
        self._bound = socket.socket()
        self._bound.bind(("127.0.0.1", 0))
        self._full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._waiting = [socket.socket() for _ in range(4)]
        for each in self._waiting:
            each.setblocking(False)
            each.connect_ex(self._full.getsockname())
        self.ports = {
            "refused": self._bound.getsockname()[1],
            "hangs": self._full.getsockname()[1],
        }

    def close(self) -> None:
        for each in (self._bound, self._full, *self._waiting):
            each.close()


class Lane:
    """Draws disturbances by its seed. Each disturbed call is followed by one that is not."""

    def __init__(
        self,
        seed: str,
        certificates: Certificates,
        scheme: str,
        wire: type[HttpWire] = HttpWire,
    ) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._scheme = scheme
        self._wire = wire
        self._unreachable = Unreachable()
        self._server = Server(certificates if scheme == "https" else None)
        self._unreached = ""
        network = Network(SystemClock(), self._resolve)
        url = f"{scheme}://{HOST}:{self._server.port}"
        self._exchanges = Exchanges(
            network, url, certificates.trusting, CONNECTIONS, MAX_RECEIVED_BYTES
        )
        self.pool: Any = self._exchanges.pool
        self._hasty = self._client(url, CONNECT_SECONDS, READ_SECONDS)
        self._calm = self._client(url, CALM_SECONDS, CALM_SECONDS)

    def _client(self, url: str, connect: float, read: float) -> DynamoDb:
        timeout = Timeout(total=connect + read, connect=connect, read=read)
        keys = ReadOnlyCredentials("key", "secret", None)
        signer = Signer(lambda: keys, url, "us-east-1", SystemClock())
        return DynamoDb(self._wire(self._exchanges, timeout), signer)

    def _resolve(self, name: str, port: int, *_: object) -> list[Any]:
        port = self._unreachable.ports.get(self._unreached, port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    def run(self, count: int, chosen: Sequence[Disturbance] = DISTURBANCES) -> Iterator[Result]:
        fitting = [each for each in chosen if each.only in ("", self._scheme)]
        order: list[Disturbance] = []
        for number in range(count):
            # All of them, in an order of chance, and then all again.
            order = order or self._random.sample(fitting, len(fitting))
            yield self._disturbed(f"{self._seed}-{number}", order.pop())

    def close(self) -> None:
        self.pool.close()
        self._server.stop()
        self._unreachable.close()

    def _disturbed(self, name: str, how: Disturbance) -> Result:
        if fault := self._prepare(name, how):
            return Result(how.name, "", 0, f"{name}: before: {fault}")
        client = self._hasty if how.slow else self._calm
        limit = CONNECT_SECONDS + READ_SECONDS if how.slow else 2 * CALM_SECONDS
        truth = Truth(name, random.Random(name), limit, how.disturb, how.greet)
        self._unreached = how.unreachable
        racing = threading.Timer(self._random.random() * 0.002, self._server.close_kept)
        if how.race:
            racing.start()
        began_at = time.monotonic()
        outcome = self._call(client, truth)
        seconds = time.monotonic() - began_at
        if how.race:
            racing.join()
        self._unreached = ""
        if not self._settled(truth, how):
            return Result(how.name, type(outcome).__name__, seconds, "the server hangs")
        fault = (
            _unsound(outcome, truth)
            or _unexpected(outcome, truth, how)
            or (f"took {seconds:.1f} s" if seconds > limit + MARGIN_SECONDS else "")
            or self._broken(f"{name}-after")
        )
        return Result(how.name, type(outcome).__name__, seconds, fault and f"{name}: {fault}")

    def _settled(self, truth: Truth, how: Disturbance) -> bool:
        """Waits until the server is done with it. Nothing has to come of a call whose limit was
        short, on a connection that ended, or that no one took."""
        if how.unreachable or how.race or truth.over.wait(SETTLE_SECONDS):
            return True
        return (how.slow and not truth.received_bytes) or truth.over.wait(2 * CALM_SECONDS)

    def _prepare(self, name: str, how: Disturbance) -> str:
        """A connection that is kept, or none, or either by chance. Returns what is wrong."""
        fresh = bool(how.greet or how.unreachable)
        if fresh or (not how.race and self._random.random() < 0.5):
            self._server.close_kept()
        elif fault := self._broken(f"{name}-before"):
            return fault
        return ""

    def _broken(self, name: str) -> str:
        """What is wrong with an undisturbed call; empty if nothing is."""
        truth = Truth(name, random.Random(name))
        outcome = self._call(self._calm, truth)
        if fault := _unsound(outcome, truth):
            return f"the next call: {fault}"
        if not isinstance(outcome, Applied):
            return f"the next call: {outcome}"
        kept = [each for each in self.pool.pool.queue if each and each.sock]
        return f"{len(kept)} connections are kept" if len(kept) > CONNECTIONS else ""

    def _call(self, client: DynamoDb, truth: Truth) -> Outcome:
        self._server.truth = truth
        filler = "x" * truth.random.choice(BODY_BYTES)
        item = {"id": {"S": truth.id}, "filler": {"S": filler}}
        try:
            return client.call("PutItem", {"TableName": "T", "Item": item})
        finally:
            truth.returned.set()


def _unsound(outcome: Outcome, truth: Truth) -> str:
    """What the outcome says that is not true; empty if it is."""
    if truth.requests > 1:
        return f"sent {truth.requests} times"
    match outcome:
        case NeverSent() if truth.received_bytes:
            return f"never sent, but {truth.received_bytes} bytes came"
        case Refused() if truth.applied or not truth.refused:
            return "refused, but the server did not refuse it"
        case Applied() if not truth.applied:
            return "applied, but the server did not apply it"
        case Applied() if outcome.content["Attributes"]["id"]["S"] != truth.id:
            return f"the response to another request: {outcome.content}"
    return ""


def _unexpected(outcome: Outcome, truth: Truth, how: Disturbance) -> str:
    """Where a sound outcome says less than the client can know. A busy machine may be too slow even
    to connect within a short limit."""
    if isinstance(outcome, how.outcomes):
        return ""
    if how.slow and isinstance(outcome, NeverSent) and not truth.received_bytes:
        return ""
    return f"{how.name}: {outcome}"
