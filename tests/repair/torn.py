"""Transactions of which a restore leaves out some items."""

import random
from typing import Any

from tests.doubles.service_harness import ServiceHarness

Images = dict[tuple[str, str], tuple[dict[str, Any] | None, dict[str, Any]]]


class Recorder:
    """The items of the last transaction, each as it was before and after."""

    def __init__(self, world: ServiceHarness) -> None:
        self._client = world.client
        self._table = world.table._name
        self._keys: list[dict[str, Any]] = []
        self._before: list[dict[str, Any] | None] = []
        world.wire().instead(self._note)

    def images(self) -> Images:
        after = [self._read(key) for key in self._keys]
        places = [(key["PK"]["S"], key["SK"]["S"]) for key in self._keys]
        return {
            place: (old, new)
            for place, old, new in zip(places, self._before, after, strict=True)
            if place[0] != "SYSTEM" and new is not None
        }

    def leave(self, images: Images, restored: set[tuple[str, str]]) -> None:
        """Only these items of the transaction are there as it left them; the others as they were
        before it."""
        for place, (old, _) in images.items():
            if place in restored:
                continue
            if old is None:
                self._client.delete_item(
                    TableName=self._table, Key={"PK": {"S": place[0]}, "SK": {"S": place[1]}}
                )
            else:
                self._client.put_item(TableName=self._table, Item=old)

    def _note(self, operation: str, request: dict[str, Any]) -> None:
        if operation != "TransactWriteItems":
            return
        writes = [write for action in request["TransactItems"] for write in action.values()]
        items = [write.get("Key") or write["Item"] for write in writes]
        self._keys = [{"PK": item["PK"], "SK": item["SK"]} for item in items]
        self._before = [self._read(key) for key in self._keys]

    def _read(self, key: dict[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._client.get_item(
            TableName=self._table, Key=key, ConsistentRead=True
        ).get("Item")
        return found


class History(Recorder):
    """Every transaction since the last tear."""

    def __init__(self, world: ServiceHarness) -> None:
        super().__init__(world)
        self._all: list[Images] = []

    def _note(self, operation: str, request: dict[str, Any]) -> None:
        if operation == "TransactWriteItems":
            self._remember()
        super()._note(operation, request)

    def _remember(self) -> None:
        if self._keys:
            self._all.append(self.images())
        self._keys = []

    def tear(self, rng: random.Random, transactions: int) -> None:
        """Each item of the last transactions as before or after one of them."""
        self._remember()
        moments: dict[tuple[str, str], list[dict[str, Any] | None]] = {}
        for images in self._all[-transactions:]:
            for place, (before, after) in images.items():
                moments.setdefault(place, [before]).append(after)
        for place, items in moments.items():
            self.leave({place: (rng.choice(items), {})}, set())
        self._all = []
