"""One DynamoDB table in memory, with its semantics: conditions, transactions with reasons, indexes
that lag.

Items are kept as DynamoDB's typed attributes and never changed in place. `test_table` holds this
model against DynamoDB Local."""

import bisect
import heapq
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.expressions import (
    Change,
    InvalidRequest,
    NotUnderstood,
    Range,
    Words,
    change,
    condition,
    key_condition,
)
from tests.simulation.lagging_index import (
    Attributes,
    ItemKey,
    LaggingIndex,
    Prepared,
    key_attributes,
)

INDEXES = ("GSI1", "GSI2")
MAX_ITEM_BYTES = 400 * 1024
MAX_KEY_BYTES = {"PK": 2048, "SK": 1024}
MAX_TRANSACTED = 100
_WRITE_WORDS = {
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
}

# The due work of the sweeps that a world plays (`parts.SWEEPS`).
PLAYED = ("DUE#JOB#", "DUE#GRANT#")


class Rejected(Exception):
    """DynamoDB's error: its code and status, and what else it says."""

    def __init__(self, code: str, status: int = 400, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.extra = extra


def cancelled(codes: Sequence[str], items: Mapping[int, Attributes] | None = None) -> Rejected:
    """A cancelled transaction with a reason for each of its parts, "None" for the blameless."""
    reasons = [{"Code": code} for code in codes]
    for position, item in (items or {}).items():
        reasons[position]["Item"] = item  # type: ignore[assignment]
    return Rejected("TransactionCanceledException", CancellationReasons=reasons)


@dataclass(frozen=True)
class Failed:
    """A write whose condition does not hold, or which is malformed."""

    code: str
    item: Attributes | None = None


class MemoryTable:
    """The items, their order within partitions, and what the indexes show by now."""

    def __init__(
        self, now: Callable[[], float] = lambda: 0.0, lag: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.items: dict[ItemKey, Attributes] = {}
        self.watchers: list[Callable[[Sequence[Prepared]], None]] = []
        self._partitions: dict[str, list[str]] = {}
        self._due: dict[ItemKey, str] = {}
        self._indexes = {name: LaggingIndex(name, now, lag) for name in INDEXES}

    def get(self, key: ItemKey) -> Attributes | None:
        return self.items.get(key)

    def prepare(self, kind: str, request: Mapping[str, Any]) -> Prepared | Failed:
        """What one Put, Update or Delete would do. Raises `InvalidRequest`."""
        return _PREPARATIONS[kind](self, request)

    def commit(self, batch: Sequence[Prepared]) -> None:
        """Applies all prepared writes and notifies the watchers."""
        for write in batch:
            self.put(write)
        for watcher in self.watchers:
            watcher(batch)

    def put(self, write: Prepared) -> None:
        if write.after:
            self._keep(write)
        else:
            self._remove(write.key)
        for index in self._indexes.values():
            index.follow(write)

    def _keep(self, write: Prepared) -> None:
        pk, sk = write.key
        if write.key not in self.items:
            bisect.insort(self._partitions.setdefault(pk, []), sk)
        self.items[write.key] = write.after
        if write.after.get("GSI2PK", {"S": ""})["S"].startswith(PLAYED):
            self._due[write.key] = write.after["GSI2SK"]["S"]
        else:
            self._due.pop(write.key, None)

    def _remove(self, key: ItemKey) -> None:
        if self.items.pop(key, None) is not None:
            self._partitions[key[0]].remove(key[1])
        self._due.pop(key, None)

    def query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A page of a partition, or of an index as far as it has caught up. Raises
        `InvalidRequest`."""
        _known(request, {*_QUERY_WORDS})
        parsed, words = _parsed(key_condition(request["KeyConditionExpression"]), request)
        index = request.get("IndexName")
        if index is None:
            return self._query_table(request, parsed, words)
        if request.get("ConsistentRead"):
            raise InvalidRequest("consistent reads are not supported on global secondary indexes")
        return self._indexes[index].query(request, parsed, words)

    def scan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A page of one segment, in an order of this model's own."""
        _known(request, {*_SCAN_WORDS})
        segments = request.get("TotalSegments", 1)
        start = (
            _place(_key(request["ExclusiveStartKey"]))
            if "ExclusiveStartKey" in request
            else (-1, "", "")
        )
        mine = (
            key
            for key in self.items
            if zlib.crc32(key[0].encode()) % segments == request.get("Segment", 0)
        )
        limit = request.get("Limit", len(self.items) + 1)
        places = heapq.nsmallest(limit, (place for place in map(_place, mine) if place > start))
        found = [self.items[pk, sk] for _, pk, sk in places]
        more = {"LastEvaluatedKey": _keys_of(found[-1])} if len(found) == limit else {}
        return {"Items": found, "Count": len(found), **more}

    def due(self) -> Iterable[str]:
        """Every sort key that the due index will show once it has caught up, of the work that a
        world plays."""
        return self._due.values()

    def _query_table(
        self, request: Mapping[str, Any], parsed: Range, words: Words
    ) -> dict[str, Any]:
        if parsed.partition[0] != "PK":
            raise InvalidRequest("the partition key is missing")
        pk = words.value(parsed.partition[1])["S"]
        prefix = ""
        if parsed.sort:
            if parsed.sort[:2] != ("SK", "begins_with"):
                raise NotUnderstood(str(parsed.sort))
            prefix = words.value(parsed.sort[2])["S"]
        keys = [sk for sk in self._partitions.get(pk, ()) if sk.startswith(prefix)]
        ascending = request.get("ScanIndexForward", True)
        if "ExclusiveStartKey" in request:
            start_pk, start = _key(request["ExclusiveStartKey"])
            if start_pk != pk:
                raise InvalidRequest("the start key is outside the query")
            keys = [sk for sk in keys if (sk > start if ascending else sk < start)]
        page = (keys if ascending else keys[::-1])[: request["Limit"]]
        more = (
            {"LastEvaluatedKey": key_attributes((pk, page[-1]))}
            if len(page) == request["Limit"]
            else {}
        )
        return {"Items": [self.items[pk, sk] for sk in page], "Count": len(page), **more}


_SCAN_WORDS = (
    "TableName",
    "ConsistentRead",
    "Segment",
    "TotalSegments",
    "Limit",
    "ExclusiveStartKey",
    "ReturnConsumedCapacity",
)
_QUERY_WORDS = (
    "TableName",
    "IndexName",
    "KeyConditionExpression",
    "ExpressionAttributeValues",
    "ExpressionAttributeNames",
    "ConsistentRead",
    "ScanIndexForward",
    "Limit",
    "ExclusiveStartKey",
    "ReturnConsumedCapacity",
)


def _put(table: MemoryTable, request: Mapping[str, Any]) -> Prepared | Failed:
    _known(request, _WRITE_WORDS | {"Item"})
    key, after = _key(request["Item"]), request["Item"]
    words, holds = _guard(request, frozenset(), frozenset())
    _check_item(after)
    before = table.get(key)
    if not holds(before or {}, words):
        return _condition_failed(request, before)
    return Prepared(key, before, after)


def _update(table: MemoryTable, request: Mapping[str, Any]) -> Prepared | Failed:
    _known(request, _WRITE_WORDS | {"Key", "UpdateExpression"})
    key = _key(request["Key"])
    if len(request["Key"]) != 2:
        raise InvalidRequest("the key does not match the schema")
    parsed = change(request["UpdateExpression"])
    words, holds = _guard(request, parsed.names, parsed.values)
    _check_paths(parsed.tree, words)
    before = table.get(key)
    if not holds(before or {}, words):
        return _condition_failed(request, before)
    after = _changed(before if before is not None else request["Key"], parsed.tree, words)
    _check_item(after)
    return Prepared(key, before, after)


def _delete(table: MemoryTable, request: Mapping[str, Any]) -> Prepared | Failed:
    _known(request, _WRITE_WORDS | {"Key"})
    key = _key(request["Key"])
    words, holds = _guard(request, frozenset(), frozenset())
    before = table.get(key)
    if not holds(before or {}, words):
        return _condition_failed(request, before)
    return Prepared(key, before, {})


_PREPARATIONS = {"Put": _put, "Update": _update, "Delete": _delete}


def _guard(
    request: Mapping[str, Any], names: frozenset[str], values: frozenset[str]
) -> tuple[Words, Any]:
    """The request's placeholders, each of which must be used and defined, and its condition."""
    words = Words(
        request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    )
    text = request.get("ConditionExpression")
    if text == "":
        raise InvalidRequest("the expression can not be empty")
    holds: Any = lambda item, words: True  # noqa: E731
    if text is not None:
        parsed = condition(text)
        names, values, holds = names | parsed.names, values | parsed.values, parsed.tree
    _check_used(words, names, values)
    return words, holds


def _parsed(parsed: Any, request: Mapping[str, Any]) -> tuple[Any, Words]:
    words = Words(
        request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    )
    _check_used(words, parsed.names, parsed.values)
    return parsed.tree, words


def _check_used(words: Words, names: frozenset[str], values: frozenset[str]) -> None:
    if words.names.keys() != names or words.values.keys() != values:
        raise InvalidRequest("placeholders are unused or undefined")


def _check_paths(update: Change, words: Words) -> None:
    paths = [words.name(path) for path, _ in update.sets] + [
        words.name(path) for path in update.removes
    ]
    if len(set(paths)) != len(paths):
        raise InvalidRequest("two document paths overlap with each other")
    if not paths or {"PK", "SK"} & set(paths):
        raise InvalidRequest("this attribute is part of the key, or nothing is changed")


def _changed(item: Attributes, update: Change, words: Words) -> Attributes:
    after = {**item, **{words.name(path): operand(item, words) for path, operand in update.sets}}
    for path in update.removes:
        after.pop(words.name(path), None)
    return after


def is_too_long(key: ItemKey) -> bool:
    """Whether no item can have that key."""
    limits = zip(key, MAX_KEY_BYTES.values(), strict=True)
    return any(len(text.encode()) > limit for text, limit in limits)


def _check_item(item: Attributes) -> None:
    for index in INDEXES:
        for kind, limit in MAX_KEY_BYTES.items():
            key = item.get(f"{index}{kind}", {"S": "none"}).get("S")
            if not key or len(key.encode()) > limit:
                raise InvalidRequest("an index key is not a string, or empty, or too long")
    if len(item) > 40 and len(repr(item)) > MAX_ITEM_BYTES:
        raise InvalidRequest("item size has exceeded the maximum allowed size")


def _condition_failed(request: Mapping[str, Any], item: Attributes | None) -> Failed:
    wanted = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Failed("ConditionalCheckFailed", item if wanted else None)


def _known(request: Mapping[str, Any], words: set[str]) -> None:
    if not request.keys() <= words:
        raise NotUnderstood(f"parameters {sorted(request.keys() - words)}")


def _key(attributes: Mapping[str, Any]) -> ItemKey:
    try:
        key = attributes["PK"]["S"], attributes["SK"]["S"]
    except KeyError:
        raise InvalidRequest("a key attribute is missing or no string") from None
    if not all(key):
        raise InvalidRequest("a key attribute is empty")
    return key


def _keys_of(item: Attributes) -> Attributes:
    return {"PK": item["PK"], "SK": item["SK"]}


def _place(key: ItemKey) -> tuple[int, str, str]:
    return zlib.crc32(key[0].encode()), *key
