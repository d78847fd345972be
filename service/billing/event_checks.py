"""What the audit proves of Stripe's events: each can be read, and is due exactly if something is
still to be done."""

from collections.abc import Iterator

from service.billing import event_store, keys
from service.billing.event_sweeps import walk_from
from service.billing.events import EventState, InboxEvent
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES


def event_checks() -> tuple[ItemCheck, ...]:
    return (
        ItemCheck(keys.EVENT_ITEM, _event_faults),
        ItemCheck(keys.SWEEP_ITEM, _walk_faults),
    )


def _event_faults(item: Item) -> Iterator[str]:
    stored = event_store.event_from_item(item)
    state = stored.handling.state
    if stored.handling.attempts < 0:
        yield "its attempts are negative"
    if (stored.ended_at is None) != (state is EventState.PENDING):
        yield "its end does not fit its state"
    if ("expiresAt" in item) != (state is EventState.DONE):
        yield "is kept for another time than its state says"
    if stored.event.ref is None and state is not EventState.DONE:
        yield "waits although it concerns nothing"
    if _expected_index(stored) != {n: item[n] for n in DUE_INDEX_ATTRIBUTES if n in item}:
        yield "its index attributes are not those of its shard and time"


def _expected_index(stored: InboxEvent) -> dict[str, str]:
    event_id = stored.event.event_id
    match stored.handling.state:
        case EventState.PENDING:
            return keys.DUE_EVENTS.index(event_id, stored.handling.due_at or 0)
        case EventState.DEAD:
            return keys.DEAD_EVENTS.index(event_id, stored.ended_at or 0)
        case EventState.DONE:
            return {}


def _walk_faults(item: Item) -> Iterator[str]:
    walk = walk_from(item)
    if min(walk.pages, walk.found) < 0 or walk.version < 1:
        yield "a number is negative"
