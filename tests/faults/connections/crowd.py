"""Many callers share one pool, whose server disturbs every other request: no one gets the response
to another's request."""

import random
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from tests.faults.connections.disturbances import DISTURBANCES
from tests.faults.connections.responses import MAX_RECEIVED_BYTES
from tests.faults.connections.server import Request, Server, Truth

LIMIT_SECONDS = 0.3
CALLERS = 16
CONNECTIONS = 4
# The server cannot know whom it refused; and HTTP/1.1 does not distinguish a response that no one
# requested and that is sent while the next request is under way, from the response to that one.
UNDECIDABLE = {
    "refused before all came",
    "two responses at once",
    "two responses, one after the other",
    "another response that comes late",
}


@dataclass
class Notes:
    """Ids of the requests that came whole, and of what was done."""

    received: list[str] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@dataclass
class NotedRequest(Request):
    notes: Notes = field(default_factory=Notes)

    def receive(self, max_bytes: int | None = None) -> None:
        super().receive(max_bytes)
        if self.body and len(self.body) == self.content_length:
            self.notes.received.append(self.id)

    def apply(self) -> bytes:
        self.notes.applied.add(self.id)
        return super().apply()

    def refuse(self) -> bytes:
        self.notes.refused.add(self.id)
        return super().refuse()


class CrowdServer(Server):
    """Draws a disturbance for every other request, by chance."""

    def __init__(self, certificates: Certificates | None, seed: str) -> None:
        self.notes = Notes()
        self._random = random.Random(seed)
        scheme = "https" if certificates else "http"
        self._disturbs = [
            each.disturb
            for each in DISTURBANCES
            if each.disturb and each.only in ("", scheme) and each.name not in UNDECIDABLE
        ]
        super().__init__(certificates)

    def next_truth(self) -> Truth:
        disturb = self._random.choice(self._disturbs) if self._random.random() < 0.5 else None
        truth = Truth("", random.Random(self._random.random()), 2 * LIMIT_SECONDS, disturb)
        # No one can say when the call of a request that came in part has returned.
        truth.returned.set()
        return truth

    def request(self, *arguments: Any) -> Request:
        return NotedRequest(*arguments, notes=self.notes)


@dataclass(frozen=True)
class Crowd:
    """What became of all calls, and what was wrong."""

    outcomes: Counter[str]
    faults: Sequence[str]

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        calls = self.outcomes.total()
        return f"{calls} calls of {CALLERS} callers ({counts}), {len(self.faults)} wrong"


def run_crowd(seed: str, count: int, certificates: Certificates, scheme: str) -> Crowd:
    """So many calls, evenly from `CALLERS` threads."""
    server = CrowdServer(certificates if scheme == "https" else None, seed)
    url = f"{scheme}://{HOST}:{server.port}"

    def resolve(name: str, port: int, *_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    network = Network(SystemClock(), resolve)
    exchanges = Exchanges(network, url, certificates.trusting, CONNECTIONS, MAX_RECEIVED_BYTES)
    keys = ReadOnlyCredentials("key", "secret", None)
    wait = Timeout(total=2 * LIMIT_SECONDS, connect=LIMIT_SECONDS, read=LIMIT_SECONDS)
    signer = Signer(lambda: keys, url, "us-east-1", SystemClock())
    client = DynamoDb(HttpWire(exchanges, wait), signer)
    outcomes: dict[str, Outcome] = {}

    def call(caller: int) -> None:
        for number in range(count // CALLERS):
            name = f"{seed}-{caller}-{number}"
            item = {"id": {"S": name}, "filler": {"S": "x" * 200}}
            outcomes[name] = client.call("PutItem", {"TableName": "T", "Item": item})

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [each for each in list(exchanges.pool.pool.queue) if each and each.sock]
    exchanges.pool.close()
    server.stop()
    faults = [fault for name in outcomes if (fault := _fault(name, outcomes[name], server.notes))]
    faults += [
        f"{name} was sent twice" for name, n in Counter(server.notes.received).items() if n > 1
    ]
    faults += [f"{len(kept)} connections were kept"] if len(kept) > CONNECTIONS else []
    return Crowd(Counter(type(each).__name__ for each in outcomes.values()), faults)


def _fault(name: str, outcome: Outcome, notes: Notes) -> str:
    """What the outcome says that is not true; empty if it is."""
    match outcome:
        case NeverSent() if name in notes.received:
            return f"{name}: never sent, but it came"
        case Refused() if name not in notes.refused or name in notes.applied:
            return f"{name}: refused, but the server did not refuse it"
        case Applied() if outcome.content.get("Attributes") != {"id": {"S": name}}:
            return f"{name}: the response to another request: {outcome.content}"
        case Applied() if name not in notes.applied:
            return f"{name}: applied, but the server did not apply it"
    return ""
