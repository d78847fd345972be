"""The one table in our own words: what each request wants of DynamoDB, and what its outcome
means here. The client is `storage.dynamodb`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from service.core.errors import Unavailable
from service.core.fifo_gate import FifoGate, WaitedTooLong
from service.storage.codec import Item, RawItem, decode_item, encode_item
from service.storage.dynamodb import DynamoDb
from service.storage.keys import READINESS, Key
from service.storage.outcomes import Applied, NeverSent, PossiblyApplied, Refusal, Refused
from service.storage.settings import CALL_WAIT_SECONDS
from service.storage.writes import Write, request

Parameters = dict[str, Any]
Content = Mapping[str, Any]

MAX_WRITES = 100
READ_TRIES = 2
MAX_CALLS = 1000

_CONSISTENT: Parameters = {"ConsistentRead": True}
_OF_ONE_TABLE = {"GetItem", "Query", "Scan"}
_THROTTLED = {"ThrottlingError", "ProvisionedThroughputExceeded"}


class StorageUnavailable(Unavailable):
    """The table did not respond as expected."""

    code = "STORAGE_UNAVAILABLE"
    summary = "The service cannot reach its table right now. Nothing is lost; try again shortly."
    retry_after = 2


class NotApplied(StorageUnavailable):
    """Surely nothing was written, and trying again makes sense."""


class Throttled(NotApplied):
    """Too many requests for now."""


class Conflicted(NotApplied):
    """Another write of the same item is under way."""


class NotReached(NotApplied):
    """No connection, or no credentials to sign with yet: the request never left."""


class TableSaturated(NotApplied):
    """This process had no place for another call in time: the request never left. Trying again at
    once would only queue behind the calls that wait already."""


class MaybeApplied(StorageUnavailable):
    """The response was lost: only reading shows whether the write happened, and it may still
    happen."""


class StorageRefused(StorageUnavailable):
    """DynamoDB turned the call down (no such table, no permission): an operator has to act, trying
    again does not help."""


class MalformedRequest(Exception):
    """The request breaks a rule of DynamoDB's API: a mistake of ours. Nothing was written."""


class ConditionFailed(Exception):
    """A write's condition did not hold; nothing was written. `item` is what lies there."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition failed")
        self.item = item


class Cancelled(Exception):
    """A transaction whose conditions did not all hold; nothing was written.

    `refused` maps the position of each refused write to the item that lies there (None: no such
    item)."""

    def __init__(self, refused: dict[int, Item | None]) -> None:
        super().__init__("transaction cancelled")
        self.refused = refused


@dataclass(frozen=True)
class Page:
    """Some items in key order; `more` says that the limit, not the end, was reached."""

    items: tuple[Item, ...]
    more: bool


@dataclass(frozen=True)
class Reading:
    """A page as stored, in DynamoDB's own types: one odd item does not spoil the others. `after`
    says where to go on (None: that was all), `units` how many read units it took."""

    items: tuple[RawItem, ...]
    after: Key | None
    units: float


@dataclass(frozen=True)
class IndexHit:
    """What an index says lies where, and under which sort key."""

    key: Key
    sort: str


class Table:
    """The one table. Reads are strongly consistent unless they go to an index.

    Every method raises `NotApplied` or `MaybeApplied` when DynamoDB does not serve it; reads are
    tried twice first. At most `max_calls` are under way at once, and others wait their turn, up to
    `CALL_WAIT_SECONDS`: a connection would be opened for each call that the pool has no room for,
    and a process with a thousand calls under way takes responses for lost because it is late
    to read them. A call whose turn does not come raises `TableSaturated`, and is not tried again.
    """

    def __init__(self, client: DynamoDb, name: str, max_calls: int = MAX_CALLS) -> None:
        self._client = client
        self._name = name
        self._calls = FifoGate(max_calls)

    def get(self, key: Key) -> Item | None:
        """One item, or None."""
        content = self._read("GetItem", {"Key": encode_item(key.attributes())} | _CONSISTENT)
        return decode_item(content["Item"]) if "Item" in content else None

    def get_together(self, keys: Sequence[Key]) -> tuple[Item | None, ...]:
        """Several items as they were at one moment (a snapshot), None for each that is not
        there."""
        content = self._read("TransactGetItems", self._gets(keys))
        return tuple(
            decode_item(found["Item"]) if found.get("Item") else None
            for found in content["Responses"]
        )

    def get_each(self, keys: Sequence[Key]) -> dict[Key, Item | None]:
        """Up to 100 items, each as it was at a moment of its own, None for each that is not there.
        In one call, unless DynamoDB does not get to some of them."""
        wanted = {"Keys": [encode_item(key.attributes()) for key in dict.fromkeys(keys)]}
        content = self._read("BatchGetItem", {"RequestItems": {self._name: wanted | _CONSISTENT}})
        items = [decode_item(item) for item in content["Responses"].get(self._name, ())]
        found: dict[Key, Item | None] = {Key.of_item(item): item for item in items}
        left = content.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", ())
        again = {Key.of_raw_item(key) for key in left}
        return {key: self.get(key) if key in again else found.get(key) for key in keys}

    def get_many(self, keys: Sequence[Key], attributes: Sequence[str]) -> dict[Key, Item]:
        """Those attributes of up to 100 items, each as it was at a moment of its own. Items that
        are not there are left out, and so is what DynamoDB does not get to."""
        wanted = {
            "Keys": [encode_item(key.attributes()) for key in dict.fromkeys(keys)],
            "ProjectionExpression": ", ".join(["PK", "SK", *(f"#{name}" for name in attributes)]),
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
        }
        content = self._read("BatchGetItem", {"RequestItems": {self._name: wanted | _CONSISTENT}})
        found = [decode_item(item) for item in content["Responses"].get(self._name, ())]
        return {Key.of_item(item): item for item in found}

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str = "", ascending: bool = True
    ) -> Page:
        """At most `limit` items of a partition whose sort key begins so, beyond the sort key
        `after` in that direction."""
        part = _partition(pk, prefix, after) | _CONSISTENT
        content = self._read("Query", part | {"ScanIndexForward": ascending, "Limit": limit})
        return Page(
            tuple(decode_item(item) for item in content["Items"]), "LastEvaluatedKey" in content
        )

    def query_index(
        self, index: str, pk: str, *, limit: int, up_to: str = ""
    ) -> tuple[IndexHit, ...]:
        """At most `limit` items of an index partition in order, up to a sort key. An index lags: a
        hint, never a truth."""
        condition = f"{index}PK = :pk" + (f" AND {index}SK <= :up_to" if up_to else "")
        content = self._read(
            "Query",
            {
                "IndexName": index,
                "KeyConditionExpression": condition,
                "ExpressionAttributeValues": encode_item({":pk": pk, ":up_to": up_to or None}),
                "Limit": limit,
            },
        )
        found = [decode_item(item) for item in content["Items"]]
        return tuple(IndexHit(Key.of_item(hit), str(hit[f"{index}SK"])) for hit in found)

    def browse(self, pk: str, prefix: str, *, limit: int, after: str = "") -> Reading:
        """As `query`, for the audit. An empty prefix means the whole partition."""
        return self._reading("Query", _partition(pk, prefix, after) | {"Limit": limit})

    def scan(self, *, segment: int, segments: int, limit: int, after: Key | None = None) -> Reading:
        """One page of one segment of the whole table, for the audit."""
        start = {"ExclusiveStartKey": encode_item(after.attributes())} if after else {}
        share = {"Segment": segment, "TotalSegments": segments, "Limit": limit}
        return self._reading("Scan", share | start)

    def settled(self, key: Key) -> bool:
        """Whether no transaction that writes the item is under way; false also when DynamoDB is
        throttled or not reached. Not tried again. Queries and scans read a transaction's items one
        by one, strongly consistent ones too, while a transactional read conflicts with it (Amazon
        DynamoDB Developer Guide, "Transaction isolation levels")."""
        try:
            self._send("TransactGetItems", self._gets([key]))
        except NotApplied:
            return False
        return True

    def write(self, write: Write) -> None:
        """One conditional write. Raises `ConditionFailed`."""
        kind, parameters = request(self._name, write)
        self._send(f"{kind}Item", parameters)

    def transact(self, writes: Sequence[Write]) -> None:
        """All of the writes or none. Raises `Cancelled`. Every call carries a token of its own: a
        repeated one would succeed for a write that has been undone since."""
        if not 0 < len(writes) <= MAX_WRITES:
            raise ValueError(f"a transaction takes 1 to {MAX_WRITES} writes")
        items = [dict([request(self._name, write)]) for write in writes]
        token = {"ClientRequestToken": str(uuid4())}
        self._send("TransactWriteItems", {"TransactItems": items} | token)

    def ready(self) -> bool:
        """Whether the table responds."""
        try:
            self.get(READINESS)
        except StorageUnavailable:
            return False
        return True

    def _gets(self, keys: Sequence[Key]) -> Parameters:
        wanted = [{"TableName": self._name, "Key": encode_item(key.attributes())} for key in keys]
        return {"TransactItems": [{"Get": get} for get in wanted]}

    def _reading(self, operation: str, parameters: Parameters) -> Reading:
        measured = {**parameters, **_CONSISTENT, "ReturnConsumedCapacity": "TOTAL"}
        content = self._read(operation, measured)
        last = decode_item(content.get("LastEvaluatedKey", {}))
        after = Key.of_item(last) if last else None
        units = content.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        return Reading(tuple(content["Items"]), after, units)

    def _read(self, operation: str, parameters: Parameters) -> Content:
        for _ in range(READ_TRIES - 1):
            try:
                return self._send(operation, parameters)
            except TableSaturated:
                raise
            except StorageUnavailable:
                continue
        return self._send(operation, parameters)

    def _send(self, operation: str, parameters: Parameters) -> Content:
        """What DynamoDB responds; raises what the outcome means here."""
        if operation in _OF_ONE_TABLE:
            parameters = {"TableName": self._name, **parameters}
        self._take_turn()
        try:
            outcome = self._client.call(operation, parameters)
        finally:
            self._calls.leave()
        match outcome:
            case Applied():
                return outcome.content
            case Refused():
                raise _refused(outcome)
            case NeverSent():
                raise NotReached
            case PossiblyApplied():
                raise MaybeApplied

    def _take_turn(self) -> None:
        try:
            self._calls.enter(CALL_WAIT_SECONDS)
        except WaitedTooLong:
            raise TableSaturated from None


def _partition(pk: str, prefix: str, after: str) -> Parameters:
    """A query of a partition, or of its part with that prefix, beyond `after`."""
    start = {"ExclusiveStartKey": encode_item({"PK": pk, "SK": after})} if after else {}
    return {
        "KeyConditionExpression": "PK = :pk" + (" AND begins_with(SK, :prefix)" if prefix else ""),
        "ExpressionAttributeValues": encode_item({":pk": pk, ":prefix": prefix or None}),
        **start,
    }


def _refused(outcome: Refused) -> Exception:
    match outcome.refusal:
        case Refusal.CONDITION:
            item = outcome.content.get("Item")
            return ConditionFailed(decode_item(item) if item else None)
        case Refusal.CANCELLED:
            return _cancelled(outcome.content.get("CancellationReasons") or ())
        case Refusal.CONFLICT:
            return Conflicted()
        case Refusal.THROTTLED:
            return Throttled()
        case Refusal.CLOCK:
            return NotApplied()
        case Refusal.DENIED:
            return StorageRefused()
        case Refusal.MALFORMED:
            return MalformedRequest(outcome.code)


def _cancelled(reasons: Sequence[Mapping[str, Any]]) -> Exception:
    """A cancelled transaction in our words: conflicts and throttles are worth a retry, refused
    conditions are a result, anything else is our fault. One without reasons was cancelled all the
    same, and nothing of it was written."""
    codes = {str(reason.get("Code", "None")) for reason in reasons} - {"None"}
    if "TransactionConflict" in codes:
        return Conflicted()
    if codes & _THROTTLED:
        return Throttled()
    if not codes:
        return NotApplied()
    if codes != {"ConditionalCheckFailed"}:
        return MalformedRequest(", ".join(sorted(codes)))
    refused: dict[int, Item | None] = {
        position: decode_item(reason["Item"]) if reason.get("Item") else None
        for position, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    return Cancelled(refused)
