"""Stripe's events: what changed, with the object as it was at that moment.

They are kept as compressed JSON for 30 days of the account's time, as Stripe keeps them."""

import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devstack.simulators.stripe.collection import Collection
from devstack.simulators.stripe.errors import missing_object
from devstack.simulators.stripe.ids import Ids
from devstack.simulators.stripe.wire import API_VERSION, Wire

KEPT_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Cause:
    """The API request whose effect an event is; neither for what Stripe does by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Recorded:
    """One event. `packed` is its compressed JSON, which is kept once however often it is sent."""

    id: str
    type: str
    packed: bytes

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed)


class Events:
    """Records events and passes each one on."""

    def __init__(self, ids: Ids, now: Callable[[], int]) -> None:
        self._ids = ids
        self._now = now
        self._heads = Collection("event", "/v1/events")
        self._bodies: dict[str, bytes] = {}
        self.cause = Cause()
        self.listeners: list[Callable[[Recorded], object]] = []

    def emit(self, type_: str, item: Wire, previous: Wire | None = None) -> None:
        """Records that the object changed; `previous` has the former values of what changed."""
        data: Wire = {"object": item}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": self._ids.new("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self._now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": len(self.listeners),
            "request": {
                "id": self.cause.request_id,
                "idempotency_key": self.cause.idempotency_key,
            },
            "type": type_,
        }
        packed = zlib.compress(json.dumps(event).encode(), 1)
        self._heads.add({"id": event["id"], "created": event["created"], "type": type_})
        self._bodies[str(event["id"])] = packed
        recorded = Recorded(str(event["id"]), type_, packed)
        for listener in self.listeners:
            listener(recorded)

    def get(self, identifier: str) -> Wire:
        """Raises `StripeError` 404, also for an event that is older than 30 days."""
        return self._read(self.recorded(identifier).id)

    def recorded(self, identifier: str) -> Recorded:
        """The event as webhooks need it. Raises `StripeError` 404."""
        head = self._heads.find(identifier)
        if head is None or not self._kept(head):
            raise missing_object("event", identifier)
        return Recorded(identifier, head["type"], self._bodies[identifier])

    def page(self, query: Wire) -> Wire:
        """A page of the events of the last 30 days, newest first."""
        types = query.get("types") or ([query["type"]] if "type" in query else [])
        patterns = [each.removesuffix("*") for each in types]

        def accepted(head: Wire) -> bool:
            named = not types or any(
                head["type"] == type_ or (type_.endswith("*") and head["type"].startswith(pattern))
                for type_, pattern in zip(types, patterns, strict=True)
            )
            return named and self._kept(head)

        found = self._heads.page(query, "/v1/events", accepted)
        return found | {"data": [self._read(head["id"]) for head in found["data"]]}

    def all(self, *types: str) -> Iterable[Wire]:
        """Every event, oldest first; of those types alone if any are named."""
        for head in self._heads:
            if not types or head["type"] in types:
                yield self._read(head["id"])

    def __len__(self) -> int:
        return len(self._heads)

    def _kept(self, head: Wire) -> bool:
        return bool(head["created"] >= self._now() - KEPT_SECONDS)

    def _read(self, identifier: str) -> Wire:
        event: Wire = json.loads(zlib.decompress(self._bodies[identifier]))
        return event
