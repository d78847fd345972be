"""DynamoDB's own side of each call: what it returns, what it refuses, and what it locks while a
transaction commits."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.simulation.expressions import InvalidRequest, NotUnderstood
from tests.simulation.lagging_index import Attributes, ItemKey, Prepared
from tests.simulation.memory import (
    MAX_TRANSACTED,
    Failed,
    MemoryTable,
    Rejected,
    cancelled,
    is_too_long,
)

Request = Mapping[str, Any]


class Server:
    """Serves one table. A transaction is prepared (`begin`) and made true (`finish`) at two
    moments; in between its items are locked, and whoever writes them, or reads them in a
    transaction, conflicts."""

    def __init__(self, memory: MemoryTable) -> None:
        self.memory = memory
        self._locked: dict[ItemKey, Prepared] = {}
        self._landing: dict[ItemKey, Prepared] = {}

    def get_item(self, request: Request) -> dict[str, Any]:
        if not request.get("ConsistentRead"):
            raise NotUnderstood("an eventually consistent GetItem")
        item = self._read(_key(request["Key"]))
        return {"Item": item} if item is not None else {}

    def batch_get_item(self, request: Request) -> dict[str, Any]:
        """Of one table, consistently; each item has only its named attributes, or all."""
        [(table, wanted)] = request["RequestItems"].items()
        if not wanted.get("ConsistentRead"):
            raise NotUnderstood("an eventually consistent BatchGetItem")
        keys = [_key(key) for key in wanted["Keys"]]
        if len(set(keys)) != len(keys) or not 0 < len(keys) <= MAX_TRANSACTED:
            raise Rejected("ValidationException")
        found = [item for item in map(self._read, keys) if item is not None]
        if "ProjectionExpression" not in wanted:
            return {"Responses": {table: found}, "UnprocessedKeys": {}}
        names = wanted["ExpressionAttributeNames"]
        shown = {names.get(name, name) for name in wanted["ProjectionExpression"].split(", ")}
        items = [{name: item[name] for name in shown & item.keys()} for item in found]
        return {"Responses": {table: items}, "UnprocessedKeys": {}}

    def transact_get_items(self, request: Request) -> dict[str, Any]:
        keys = [_key(part["Get"]["Key"]) for part in request["TransactItems"]]
        if len(set(keys)) != len(keys) or not 0 < len(keys) <= MAX_TRANSACTED:
            raise Rejected("ValidationException")
        if any(key in self._locked for key in keys):
            raise cancelled(
                ["TransactionConflict" if key in self._locked else "None" for key in keys]
            )
        found = map(self.memory.get, keys)
        return {"Responses": [{"Item": item} if item is not None else {} for item in found]}

    def query(self, request: Request) -> dict[str, Any]:
        return self._valid(self.memory.query, request)

    def scan(self, request: Request) -> dict[str, Any]:
        return self._valid(self.memory.scan, request)

    def put_item(self, request: Request) -> dict[str, Any]:
        return self._write("Put", request)

    def update_item(self, request: Request) -> dict[str, Any]:
        return self._write("Update", request)

    def delete_item(self, request: Request) -> dict[str, Any]:
        return self._write("Delete", request)

    def transact_write_items(self, request: Request) -> dict[str, Any]:
        """The whole transaction at one moment."""
        self.finish(self.begin(request))
        return {}

    def begin(self, request: Request) -> list[Prepared]:
        """Checks every condition and locks every item. Raises `Rejected`."""
        if not request.keys() <= {"TransactItems", "ClientRequestToken"}:
            raise NotUnderstood(str(sorted(request)))
        parts = [next(iter(part.items())) for part in request["TransactItems"]]
        keys = [_named(part["Item" if kind == "Put" else "Key"]) for kind, part in parts]
        if len(set(keys)) != len(keys) or not 0 < len(keys) <= MAX_TRANSACTED:
            raise Rejected("ValidationException")
        if any(map(is_too_long, keys)):
            raise cancelled(["ValidationError" if is_too_long(key) else "None" for key in keys])
        if any(key in self._locked for key in keys):
            raise cancelled(
                ["TransactionConflict" if key in self._locked else "None" for key in keys]
            )
        batch = [self._prepared(kind, part) for kind, part in parts]
        failed = {position: each for position, each in enumerate(batch) if isinstance(each, Failed)}
        if failed:
            codes = [each.code if isinstance(each, Failed) else "None" for each in batch]
            raise cancelled(
                codes, {position: each.item for position, each in failed.items() if each.item}
            )
        prepared = [each for each in batch if isinstance(each, Prepared)]
        self._locked |= {write.key: write for write in prepared}
        return prepared

    def show_some(self, batch: Sequence[Prepared], number: int) -> None:
        """Lets queries and scans see the first few writes of a transaction already (they are read
        committed); from here on single reads see all of it."""
        self._landing |= {write.key: write for write in batch}
        for write in batch[:number]:
            self.memory.put(write)

    def finish(self, batch: Sequence[Prepared]) -> None:
        self.memory.commit(batch)
        for write in batch:
            self._locked.pop(write.key, None)
            self._landing.pop(write.key, None)

    def _read(self, key: ItemKey) -> Attributes | None:
        landing = self._landing.get(key)
        return (landing.after or None) if landing else self.memory.get(key)

    def _write(self, kind: str, request: Request) -> dict[str, Any]:
        key = _key(request["Item" if kind == "Put" else "Key"])
        if key in self._locked:
            raise Rejected("TransactionConflictException")
        prepared = self._valid(lambda known: self.memory.prepare(kind, known), request)
        if isinstance(prepared, Failed):
            extra = {"Item": prepared.item} if prepared.item else {}
            raise Rejected("ConditionalCheckFailedException", **extra)
        self.memory.commit([prepared])
        return {}

    def _prepared(self, kind: str, request: Request) -> Prepared | Failed:
        if kind not in ("Put", "Update", "Delete"):
            raise NotUnderstood(kind)
        return self._valid(lambda known: self.memory.prepare(kind, known), request)

    @staticmethod
    def _valid(serve: Any, request: Request) -> Any:
        try:
            return serve(request)
        except InvalidRequest as error:
            raise Rejected("ValidationException") from error


def _key(attributes: Mapping[str, Any]) -> ItemKey:
    key = _named(attributes)
    if is_too_long(key):
        raise Rejected("ValidationException")
    return key


def _named(attributes: Mapping[str, Any]) -> ItemKey:
    try:
        return attributes["PK"]["S"], attributes["SK"]["S"]
    except KeyError:
        raise Rejected("ValidationException") from None


def outcome_of(serve: Any, request: Request) -> Any:
    """The response, or the error as a value."""
    try:
        return serve(request)
    except Rejected as error:
        return error
