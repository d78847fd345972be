"""Stripe's events as items. Builds writes, sends none."""

from collections.abc import Iterable, Sequence
from typing import Any

from service.billing import keys
from service.billing.events import (
    DONE_MILLISECONDS,
    EventFacts,
    EventSource,
    EventState,
    Handling,
    InboxEvent,
    ObjectKind,
    ObjectRef,
)
from service.core.clock import from_iso, iso
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import DUE_INDEX_ATTRIBUTES, GSI2, due_time
from service.storage.table import IndexHit, Table
from service.storage.writes import Put, Update, When


def new_event_write(stored: InboxEvent) -> Put:
    """Only if the event is not there yet."""
    event = stored.event
    item: dict[str, Value] = {
        "type": event.type,
        "livemode": event.livemode,
        "createdAt": iso(event.created_at),
        "receivedAt": iso(stored.received_at),
        "source": stored.source,
        "sha256": event.sha256 or None,
        "objectKind": event.ref.kind if event.ref else None,
        "objectId": event.ref.object_id if event.ref else None,
        **_handling(event.event_id, stored.handling, stored.ended_at),
    }
    return Put(keys.event(event.event_id), item)


def event_change(before: InboxEvent, after: Handling, now: int) -> Update:
    """What has become of an event that stands as it was read: of two processes one goes on."""
    guard: dict[str, Value] = {
        "state": before.handling.state,
        "attempts": before.handling.attempts,
    }
    if before.handling.due_at is not None:
        guard["GSI2SK"] = due_time(before.handling.due_at)
    return _change(before, after, now, guard)


def event_done(before: InboxEvent, now: int) -> Update:
    """An event that has been dealt with, whoever else is still at it."""
    guard: dict[str, Value] = {"state": before.handling.state}
    return _change(before, before.handling.done(), now, guard)


def event_from_item(item: Item) -> InboxEvent:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    kind = fields.get("objectKind")
    event = EventFacts(
        event_id=fields["PK"].removeprefix(keys.EVENT_PREFIX),
        type=fields["type"],
        created_at=from_iso(fields["createdAt"]),
        livemode=fields["livemode"],
        ref=ObjectRef(ObjectKind(kind), fields["objectId"]) if kind else None,
        sha256=fields.get("sha256", ""),
    )
    state = EventState(fields["state"])
    handling = Handling(
        state=state,
        attempts=whole_number(fields["attempts"]),
        due_at=int(fields["GSI2SK"]) if state is EventState.PENDING else None,
        error=fields.get("error", ""),
    )
    return InboxEvent(
        event=event,
        handling=handling,
        received_at=from_iso(fields["receivedAt"]),
        source=EventSource(fields["source"]),
        ended_at=from_iso(fields["endedAt"]) if "endedAt" in item else None,
    )


def read_due(table: Table, partition: str, now: int, limit: int) -> Sequence[IndexHit]:
    """Events that are due in a partition, oldest first: hints, read the items again."""
    return table.query_index(GSI2, partition, limit=limit, up_to=due_time(now))


def read_dead(table: Table, partition: str, limit: int) -> Sequence[IndexHit]:
    """Events that have failed for good, those that failed first at the beginning."""
    return table.query_index(GSI2, partition, limit=limit)


def read_known(table: Table, event_ids: Iterable[str]) -> set[str]:
    """Those of up to 100 events that are stored, in one call. One that could not be read now is
    left out."""
    wanted = {keys.event(event_id): event_id for event_id in event_ids}
    found = table.get_many(tuple(wanted), ("state",)) if wanted else {}
    return {wanted[key] for key in found}


def _change(before: InboxEvent, after: Handling, now: int, guard: dict[str, Value]) -> Update:
    event_id = before.event.event_id
    ended_at = None if after.state is EventState.PENDING else now
    changed = _handling(event_id, after, ended_at)
    names = ("error", "endedAt", "expiresAt", *DUE_INDEX_ATTRIBUTES)
    gone = tuple(name for name in names if changed.get(name) is None)
    kept = {name: value for name, value in changed.items() if value is not None}
    return Update(keys.event(event_id), When(equals=guard), set=kept, remove=gone)


def _handling(event_id: str, handling: Handling, ended_at: int | None) -> dict[str, Value]:
    item: dict[str, Value] = {
        "state": handling.state,
        "attempts": handling.attempts,
        "error": handling.error or None,
        "endedAt": None if ended_at is None else iso(ended_at),
    }
    match handling.state:
        case EventState.PENDING:
            assert handling.due_at is not None
            return item | keys.DUE_EVENTS.index(event_id, handling.due_at)
        case EventState.DEAD:
            # Without a time to live: it waits for an operator.
            assert ended_at is not None
            return item | keys.DEAD_EVENTS.index(event_id, ended_at)
        case EventState.DONE:
            assert ended_at is not None
            return item | {"expiresAt": (ended_at + DONE_MILLISECONDS) // 1000}
