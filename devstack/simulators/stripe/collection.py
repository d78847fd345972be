"""The objects of one kind in the order they were created, and pages of them."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from devstack.simulators.stripe.errors import invalid, missing_object
from devstack.simulators.stripe.wire import Wire

DEFAULT_PAGE = 10
# Parameters of a list that are no filters.
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand", "created"})

Accepted = Callable[[Wire], bool]


class Collection:
    """Objects by their id, with indexes for `indexed` fields, which never change; `payment.id` is
    the `id` inside of `payment`. Every object is the dictionary that goes over the wire."""

    def __init__(self, kind: str, path: str, *indexed: str) -> None:
        self.kind = kind
        self.path = path
        self._objects: dict[str, Wire] = {}
        self._places: dict[str, int] = {}
        self._order: list[str] = []
        self._indexes: dict[str, dict[str, list[str]]] = {name: {} for name in indexed}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Wire]:
        return iter(self._objects.values())

    def add(self, item: Wire) -> Wire:
        self._places[item["id"]] = len(self._order)
        self._order.append(item["id"])
        self._objects[item["id"]] = item
        for name, index in self._indexes.items():
            if (value := _inside(item, name)) is not None:
                index.setdefault(value, []).append(item["id"])
        return item

    def find(self, identifier: str) -> Wire | None:
        return self._objects.get(identifier)

    def get(self, identifier: str, param: str | None = None) -> Wire:
        """Raises `StripeError`: 404, or 400 where a parameter names the object."""
        item = self._objects.get(identifier)
        if item is None:
            raise missing_object(self.kind.replace("_", " "), identifier, param)
        return item

    def where(self, **values: str | None) -> list[Wire]:
        """Oldest first: those with all these values."""
        return [item for item in self._candidates(values) if _agrees(item, values)]

    def _candidates(self, values: Mapping[str, Any]) -> Iterable[Wire]:
        for name, value in values.items():
            if name in self._indexes:
                return [self._objects[each] for each in self._indexes[name].get(value, ())]
        return self._objects.values()

    def page(self, query: Wire, url: str, accepted: Accepted | None = None) -> Wire:
        """A page of the list, newest first, as the query's cursors, `created` and filters want.
        Walks no further than the page needs. Raises `StripeError` when a cursor names no object."""
        filters = {name: value for name, value in query.items() if name not in PAGING}
        limit = query.get("limit", DEFAULT_PAGE)
        found = (
            item
            for item in self._walk(query, filters)
            if (accepted(item) if accepted else _agrees(item, filters))
            and _created(item, query.get("created"))
        )
        data = list(islice(found, limit + 1))
        has_more = len(data) > limit
        data = data[:limit][::-1] if "ending_before" in query else data[:limit]
        return {"object": "list", "data": data, "has_more": has_more, "url": url}

    def _walk(self, query: Wire, filters: Mapping[str, Any]) -> Iterator[Wire]:
        """From the newest, or what `starting_after` names, to the oldest; from what
        `ending_before` names to the newest."""
        check_cursors(query)
        ids = self._order
        for name, value in filters.items():
            if name in self._indexes:
                ids = self._indexes[name].get(value, [])
        if "ending_before" in query:
            self.get(query["ending_before"], "ending_before")
            place = self._places[query["ending_before"]]
            chosen: Iterable[int] = range(self._after(ids, place), len(ids))
        else:
            end = len(ids)
            if "starting_after" in query:
                self.get(query["starting_after"], "starting_after")
                end = self._after(ids, self._places[query["starting_after"]] - 1)
            chosen = range(end - 1, -1, -1)
        for index in chosen:
            yield self._objects[ids[index]]

    def _after(self, ids: list[str], place: int) -> int:
        """How many of `ids`, which are in order, stand at or before that place."""
        return bisect_right(ids, place, key=self._places.__getitem__)


def check_cursors(query: Wire) -> None:
    """Raises `StripeError` for both cursors at once."""
    if "starting_after" in query and "ending_before" in query:
        message = "You can only use one of starting_after and ending_before."
        raise invalid(message, "ending_before")


def list_of(found: list[Wire], url: str, query: Wire) -> Wire:
    """The list object with the first of `found`: a list that is part of an object."""
    limit = query.get("limit", DEFAULT_PAGE)
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": url}


def _inside(item: Wire, name: str) -> Any:
    outer, _, inner = name.partition(".")
    return item[outer].get(inner) if inner else item.get(name)


def _agrees(item: Wire, values: Mapping[str, Any]) -> bool:
    return all(_inside(item, name) == value for name, value in values.items())


def _created(item: Wire, wanted: Any) -> bool:
    if wanted is None:
        return True
    created = item["created"]
    if isinstance(wanted, int):
        return bool(created == wanted)
    bounds = {
        "gt": created.__gt__,
        "gte": created.__ge__,
        "lt": created.__lt__,
        "lte": created.__le__,
    }
    return all(bounds[name](value) for name, value in wanted.items())
