"""A global index in memory that catches up with the items of its table later.

In a file of its own because nothing else of the table knows of time."""

import bisect
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.expressions import NotUnderstood, Range, Words

Attributes = dict[str, Any]
ItemKey = tuple[str, str]


@dataclass(frozen=True)
class Prepared:
    """One item as a write whose condition holds will leave it. A removed item is empty `after`."""

    key: ItemKey
    before: Attributes | None
    after: Attributes


class LaggingIndex:
    """A KEYS_ONLY global index that catches up with each item a random while after its write, in
    order."""

    def __init__(self, name: str, now: Callable[[], float], lag: Callable[[], float]) -> None:
        self._pk, self._sk = f"{name}PK", f"{name}SK"
        self._now = now
        self._lag = lag
        self._shown: dict[ItemKey, tuple[str, str]] = {}
        self._partitions: dict[str, list[tuple[str, str, str]]] = {}
        self._coming: list[tuple[float, int, ItemKey, tuple[str, str] | None]] = []
        self._latest: dict[ItemKey, float] = {}
        self._count = 0

    def follow(self, write: Prepared) -> None:
        before, after = self._entry(write.before), self._entry(write.after)
        if before == after:
            return
        shows_at = max(self._now() + self._lag(), self._latest.get(write.key, 0.0))
        self._latest[write.key] = shows_at
        self._count += 1
        heapq.heappush(self._coming, (shows_at, self._count, write.key, after))

    def query(self, request: Mapping[str, Any], parsed: Range, words: Words) -> dict[str, Any]:
        if (
            parsed.partition[0] != self._pk
            or "ExclusiveStartKey" in request
            or "ScanIndexForward" in request
        ):
            raise NotUnderstood(str(parsed))
        self._catch_up()
        pk = words.value(parsed.partition[1])["S"]
        entries = self._partitions.get(pk, [])
        if parsed.sort:
            if parsed.sort[:2] != (self._sk, "<="):
                raise NotUnderstood(str(parsed.sort))
            up_to = words.value(parsed.sort[2])["S"]
            entries = entries[: bisect.bisect_right(entries, (up_to, "\U0010ffff", ""))]
        page = entries[: request["Limit"]]
        found = [
            {**key_attributes((base_pk, base_sk)), **self._attributes(pk, sk)}
            for sk, base_pk, base_sk in page
        ]
        more = {"LastEvaluatedKey": found[-1]} if len(page) == request["Limit"] else {}
        return {"Items": found, "Count": len(found), **more}

    def _entry(self, item: Attributes | None) -> tuple[str, str] | None:
        if item is None or self._pk not in item or self._sk not in item:
            return None
        return item[self._pk]["S"], item[self._sk]["S"]

    def _attributes(self, pk: str, sk: str) -> Attributes:
        return {self._pk: {"S": pk}, self._sk: {"S": sk}}

    def _catch_up(self) -> None:
        while self._coming and self._coming[0][0] <= self._now():
            _, _, key, entry = heapq.heappop(self._coming)
            old = self._shown.pop(key, None)
            if old:
                self._partitions[old[0]].remove((old[1], *key))
            if entry:
                self._shown[key] = entry
                bisect.insort(self._partitions.setdefault(entry[0], []), (entry[1], *key))


def key_attributes(key: ItemKey) -> Attributes:
    return {"PK": {"S": key[0]}, "SK": {"S": key[1]}}
