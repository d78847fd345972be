"""The objects of one kind in the order they were created, and pages of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from devstack.simulators.stripe.errors import invalid, missing_object
from devstack.simulators.stripe.wire import Wire

DEFAULT_PAGE = 10
# Parameters of a list that are no filters.
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand", "created"})

Accepted = Callable[[Wire], bool]


class Collection:
    """Objects by their id, with indexes for `indexed` fields, which never change. Every object is
    the dictionary that goes over the wire."""

    def __init__(self, kind: str, path: str, *indexed: str) -> None:
        self.kind = kind
        self.path = path
        self._objects: dict[str, Wire] = {}
        self._places: dict[str, int] = {}
        self._indexes: dict[str, dict[str, list[str]]] = {name: {} for name in indexed}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Wire]:
        return iter(self._objects.values())

    def add(self, item: Wire) -> Wire:
        self._places[item["id"]] = len(self._places)
        self._objects[item["id"]] = item
        for name, index in self._indexes.items():
            if (value := item.get(name)) is not None:
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
        Raises `StripeError` when a cursor names no object."""
        filters = {name: value for name, value in query.items() if name not in PAGING}
        if accepted is None:
            found = self.where(**filters)
        else:
            found = [each for each in self._candidates(filters) if accepted(each)]
        found = [each for each in found if _created(each, query.get("created"))]
        return list_of(self._within(found[::-1], query), url, query)

    def _within(self, found: list[Wire], query: Wire) -> list[Wire]:
        """What follows `starting_after`, or precedes `ending_before`."""
        for cursor in ("starting_after", "ending_before"):
            if cursor in query:
                self.get(query[cursor], cursor)
        if "starting_after" in query:
            place = self._places[query["starting_after"]]
            return [each for each in found if self._places[each["id"]] < place]
        if "ending_before" in query:
            place = self._places[query["ending_before"]]
            return [each for each in found if self._places[each["id"]] > place]
        return found


def list_of(found: list[Wire], url: str, query: Wire) -> Wire:
    """The list object with the first of `found`, or the last before `ending_before`."""
    if "starting_after" in query and "ending_before" in query:
        message = "You can only use one of starting_after and ending_before."
        raise invalid(message, "ending_before")
    limit = query.get("limit", DEFAULT_PAGE)
    data = found[-limit:] if "ending_before" in query else found[:limit]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": url}


def _agrees(item: Wire, values: Mapping[str, Any]) -> bool:
    return all(item.get(name) == value for name, value in values.items())


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
