"""Sends each request through both clients and requires one outcome."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from service.storage.outcomes import Refusal
from tests.conformance.clients import Client, Verdict
from tests.conformance.malformed import MALFORMED
from tests.conformance.operations import TABLE, Operations, Request

OPERATIONS = (
    "GetItem",
    "BatchGetItem",
    "TransactGetItems",
    "Query",
    "Scan",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "TransactWriteItems",
)
# DynamoDB Local causes no others: it never throttles, and accepts every signature.
KINDS = ("APPLIED", "CONDITION", "CANCELLED", "MALFORMED", "DENIED", "POSSIBLY_APPLIED")
WHOLE_TABLE_EVERY = 500
MAX_SHOWN = 2_000
MAX_PAGES = 1_000


class Difference(AssertionError):
    """The two clients made something else of the same request, or their tables differ."""


@dataclass
class Tally:
    """What was compared so far."""

    operations: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    applied: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    cancellations: Counter[str] = field(default_factory=Counter)

    def add(self, request: Request, verdict: Verdict) -> None:
        self.operations += 1
        self.kinds[verdict.kind] += 1
        if verdict.kind == "APPLIED":
            self.applied[request.operation] += 1
        if request.name:
            self.malformed[request.name] += 1
        if verdict.kind == Refusal.CANCELLED.name:
            self.cancellations.update(
                reason["Code"] for reason in verdict.content["CancellationReasons"]
            )

    def missing(self) -> list[str]:
        """What a whole run must have met and did not."""
        expected = {
            *((f"{operation} applied", self.applied[operation]) for operation in OPERATIONS),
            *((kind, self.kinds[kind]) for kind in KINDS),
            *((name, self.malformed[name]) for name in MALFORMED),
        }
        return sorted(name for name, times in expected if not times)


class Comparison:
    """Two clients whose tables began with the same content."""

    def __init__(self, ours: Client, theirs: Client) -> None:
        self._ours = ours
        self._theirs = theirs
        self.tally = Tally()

    def run(self, seed: int, operations: int) -> None:
        """That many generated operations, with a look at both tables in between and at the end.
        Raises `Difference`."""
        generated = Operations(seed)
        for number in range(1, operations + 1):
            self.compare(generated.next(), f"operation {number} of seed {seed}: ")
            if number % WHOLE_TABLE_EVERY == 0:
                self.compare_tables()
        self.compare_tables()

    def compare(self, request: Request, where: str = "") -> Verdict:
        """What both clients made of it. Raises `Difference`."""
        ours, theirs = self._ours.send(request), self._theirs.send(request)
        self.tally.add(request, ours)
        if ours != theirs:
            said = (f"{name}: {_shown(what)}" for name, what in _named(request, ours, theirs))
            raise Difference(where + "\n".join(said))
        return ours

    def compare_tables(self) -> None:
        """Raises `Difference` if the tables differ."""
        ours, theirs = (_items(client) for client in (self._ours, self._theirs))
        if ours != theirs:
            differing = sorted(
                key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
            )
            raise Difference(f"the tables differ at {_shown(differing)}")


def _named(request: Request, ours: Verdict, theirs: Verdict) -> tuple[tuple[str, Any], ...]:
    return ("request", request), ("ours", ours), ("boto3", theirs)


def _items(client: Client) -> dict[tuple[str, str], Any]:
    """All items of a client's table, by key."""
    found: dict[tuple[str, str], Any] = {}
    start: dict[str, Any] = {}
    for _ in range(MAX_PAGES):
        page = client.send(Request("Scan", {"TableName": TABLE, "ConsistentRead": True, **start}))
        assert page.kind == "APPLIED", page
        found |= {(item["PK"]["S"], item["SK"]["S"]): item for item in page.content["Items"]}
        if "LastEvaluatedKey" not in page.content:
            return found
        start = {"ExclusiveStartKey": page.content["LastEvaluatedKey"]}
    raise AssertionError(f"a table of more than {MAX_PAGES} pages")


def _shown(value: object) -> str:
    """Short, and printable whatever it contains."""
    return ascii(value)[:MAX_SHOWN]
