"""What requests to DynamoDB cost, computed from item sizes: DynamoDB Local's own figure for
transactions is wrong.

Rules (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html):
a write costs 1 unit per KB begun of the larger of the images before and after, twice that in a
transaction; each index entry put or removed costs 1 more (a changed index key is a removal and a
put). A strongly consistent read costs 1 unit per 4 KB begun, twice that in a transaction, and an
eventually consistent one a half."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import HttpResponse
from tests.faults.library.wire import Reply, Wire

INDEXES = {"GSI1": ("GSI1PK", "GSI1SK"), "GSI2": ("GSI2PK", "GSI2SK")}
Item = Mapping[str, Any]


def size(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content.lstrip("-0")) + 1) // 2 + 1 + (content[:1] == "-")
        case "B":
            return len(content if isinstance(content, bytes) else base64.b64decode(content))
        case "SS":
            return sum(len(text.encode()) for text in content)
        case "L":
            return 3 + sum(1 + _value_size(part) for part in content)
        case "M":
            return 3 + sum(
                1 + len(name.encode()) + _value_size(part) for name, part in content.items()
            )
    return 1


def write_units(before: Item | None, after: Item | None, *, transaction: bool) -> int:
    max_bytes = max(size(before or {}), size(after or {}), 1)
    return -(-max_bytes // 1024) * (2 if transaction else 1) + _index_units(
        before or {}, after or {}
    )


def _index_units(before: Item, after: Item) -> int:
    units = 0
    for names in INDEXES.values():
        old, new = (tuple(json.dumps(item.get(name)) for name in names) for item in (before, after))
        had, has = (all(name in item for name in names) for item in (before, after))
        units += (had and old != new) + (has and old != new)
    return units


@dataclass
class Bill:
    """Calls by operation, write units in all and by item, read units."""

    calls: list[str] = field(default_factory=list)
    writes: int = 0
    reads: float = 0
    max_bytes: dict[str, int] = field(default_factory=dict)


class Meter:
    """Watches a client while it runs. Not for concurrent use: images are read around each write."""

    def __init__(self, client: DynamoDb, plain_client: Any) -> None:
        self._client = client
        self._plain = plain_client

    @contextmanager
    def watch(self) -> Iterator[Bill]:
        bill = Bill()
        before: dict[str, Item | None] = {}

        def sent(operation: str, request: dict[str, Any]) -> None:
            before.clear()
            bill.calls.append(operation)
            for table, key in _written(operation, request):
                before[json.dumps([table, key])] = self._read(table, key)

        def responded(operation: str, request: dict[str, Any], reply: Reply) -> None:
            assert isinstance(reply, HttpResponse), reply
            if reply.status == 200:
                for name, old in before.items():
                    table, key = json.loads(name)
                    new = self._read(table, key)
                    bill.writes += write_units(
                        old, new, transaction=operation.startswith("Transact")
                    )
                    bill.max_bytes[key["SK"]["S"].partition("#")[0]] = size(new or {})
            bill.reads += _read_units(operation, json.loads(reply.body))

        wire = Wire(self._client)
        wire.instead(sent)
        wire.after(responded)
        try:
            yield bill
        finally:
            wire.leave()

    def _read(self, table: str, key: Any) -> Item | None:
        found: Item | None = self._plain.get_item(
            TableName=table, Key=key, ConsistentRead=True
        ).get("Item")
        return found


def _written(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(table, key) of each item that a request may write."""
    if operation in ("PutItem", "UpdateItem"):
        yield body["TableName"], _key(body)
    if operation == "TransactWriteItems":
        for action in body["TransactItems"]:
            ((_, write),) = action.items()
            yield write["TableName"], _key(write)


def _key(write: Mapping[str, Any]) -> Any:
    return write.get("Key") or {name: write["Item"][name] for name in ("PK", "SK")}


def _read_units(operation: str, parsed: Mapping[str, Any]) -> float:
    if operation == "GetItem":
        return _quarters(parsed.get("Item"))
    if operation == "TransactGetItems":
        return sum(2 * _quarters(found.get("Item")) for found in parsed.get("Responses", []))
    if operation == "Query":
        return max(1, -(-sum(size(item) for item in parsed.get("Items", [])) // 4096))
    return 0


def _quarters(item: Item | None) -> int:
    return max(1, -(-size(item or {}) // 4096))
