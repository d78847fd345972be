"""Messages, notices, endpoints and deliveries as items. Builds writes, sends none."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from service.core.clock import from_iso, iso
from service.notifications import keys
from service.notifications.entities import (
    DEAD_LETTER_MILLISECONDS,
    LOG_MILLISECONDS,
    Attempt,
    Delivery,
    Endpoint,
    EndpointState,
    Event,
    EventType,
    OutboxMessage,
    Progress,
    State,
)
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import (
    DUE_INDEX_ATTRIBUTES,
    GSI2,
    DueKind,
    Key,
    due_time,
    user_of,
)
from service.storage.table import IndexHit, Table
from service.storage.writes import ABSENT, REPLACE, Put, Update, When

_CHANGING = ("lastAttempt", "endedAt")


def message_write(message: OutboxMessage, when: When = REPLACE) -> Put:
    """A message for the outbox. Usually it replaces one of the same event (that a restore has left
    behind, say): what follows a movement must not make it fail."""
    happened = message.event
    item = {
        **_event(happened),
        **progress_attributes(message.progress, keys.DUE_MESSAGES, happened.event_id),
    }
    return Put(keys.message(happened.user_id, happened.event_id), item, when)


def new_message_write(message: OutboxMessage) -> Put:
    """The same, only if the event has not been reported before."""
    return message_write(message, ABSENT)


def message_from(item: Item) -> OutboxMessage:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that `message_write` never
    made."""
    fields: Any = item
    event_id = fields["SK"].removeprefix(keys.OUTBOX_PREFIX)
    return OutboxMessage(_event_from(fields, event_id, user_of(fields["PK"])), progress_from(item))


def message_change(before: OutboxMessage, after: Progress, now: int) -> Update:
    """What has become of a message that stands as it was read."""
    event_id = before.event.event_id
    key = keys.message(before.event.user_id, event_id)
    changed = progress_attributes(after, keys.DUE_MESSAGES, event_id, now)
    return progress_change(key, before.progress, changed)


def new_delivery_write(delivery: Delivery) -> Put:
    """Only if the endpoint has none of the event yet."""
    return Put(keys.delivery(delivery.endpoint_id, delivery.event.event_id), _delivery(delivery))


def delivery_change(before: Delivery, after: Delivery, now: int) -> Update:
    """What has become of a delivery that stands as it was read."""
    key = keys.delivery(before.endpoint_id, before.event.event_id)
    return progress_change(key, before.progress, _delivery(after, now), _CHANGING)


def delivery_from(item: Item) -> Delivery:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that `new_delivery_write` and
    `delivery_change` never made."""
    fields: Any = item
    event_id = fields["SK"].removeprefix(keys.DELIVERY_PREFIX)
    return Delivery(
        endpoint_id=fields["PK"].removeprefix(keys.ENDPOINT_PREFIX),
        event=_event_from(fields, event_id, fields["userId"]),
        progress=progress_from(item),
        last=_attempt_from(fields["lastAttempt"]) if "lastAttempt" in item else None,
        ended_at=from_iso(fields["endedAt"]) if "endedAt" in item else None,
    )


def endpoint_write(before: Endpoint | None, after: Endpoint) -> Update:
    """An endpoint over the version that was read."""
    guard = When(equals={"version": before.version if before else None})
    item = _endpoint(after)
    changed = {name: value for name, value in item.items() if value is not None}
    gone = tuple(name for name, value in item.items() if value is None)
    return Update(keys.endpoint(after.endpoint_id), guard, set=changed, remove=gone)


def endpoint_from(item: Item) -> Endpoint:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that `endpoint_write` never
    made."""
    fields: Any = item
    failing_since = fields.get("failingSince")
    return Endpoint(
        endpoint_id=fields["SK"].removeprefix(keys.ENDPOINT_PREFIX),
        url=fields["url"],
        events=frozenset(map(EventType, fields["events"])),
        description=fields["description"],
        created_at=from_iso(fields["createdAt"]),
        updated_at=from_iso(fields["updatedAt"]),
        version=whole_number(fields["version"]),
        state=EndpointState(fields["state"]),
        disabled_reason=fields.get("disabledReason", ""),
        failing_since=from_iso(failing_since) if failing_since else None,
        secret=base64.b64decode(fields["secret"], validate=True),
        previous_secret=base64.b64decode(fields.get("previousSecret", ""), validate=True),
        previous_until=whole_number(fields.get("previousUntil", 0)),
    )


def notice_write(user_id: str, day: int, due_at: int) -> Put:
    """That credits of that user expire on that day; due anew if there is such a notice already."""
    return Put(
        keys.notice(user_id, day), {"dueAt": due_at, **_notice_index(user_id, due_at)}, REPLACE
    )


def notice_done_write(key: Key, due_at: int, expires_at: int) -> Update:
    """That notice has been dealt with, if it stands as it was read."""
    return Update(
        key,
        When(equals={"dueAt": due_at}),
        set={"expiresAt": expires_at // 1000},
        remove=DUE_INDEX_ATTRIBUTES,
    )


def read_due(table: Table, partition: str, now: int, limit: int) -> Sequence[IndexHit]:
    """What is due in a partition of the due index, oldest first: hints, read the items again."""
    return table.query_index(GSI2, partition, limit=limit, up_to=due_time(now))


def _notice_index(user_id: str, due_at: int) -> dict[str, str]:
    return keys.DUE_NOTICES.index(user_id, due_at)


def progress_change(
    key: Key, before: Progress, after: Item, changing: Sequence[str] = ()
) -> Update:
    """What has become of something that stands as it was read: guarded by the attempt and the time,
    so that of two processes one goes on. Those of the attributes `changing` that `after` does not
    have are removed."""
    guard: dict[str, Value] = {
        "state": before.state,
        "attempts": before.attempts,
        "GSI2SK": None if before.due_at is None else due_time(before.due_at),
    }
    if before.due_at is None:
        # A dead letter stands in the index under the time of its death.
        del guard["GSI2SK"]
    names = (*changing, "expiresAt", *DUE_INDEX_ATTRIBUTES)
    gone = tuple(name for name in names if after.get(name) is None)
    kept = {name: value for name, value in after.items() if value is not None}
    return Update(key, When(equals=guard), set=kept, remove=gone)


def _event(happened: Event) -> dict[str, Value]:
    return {
        "type": happened.type,
        "body": happened.body,
        "createdAt": iso(happened.created_at),
    }


def _event_from(fields: Any, event_id: str, user_id: str) -> Event:
    created_at = from_iso(fields["createdAt"])
    return Event(event_id, EventType(fields["type"]), user_id, created_at, fields["body"])


def progress_attributes(
    progress: Progress, due: DueKind, item_id: str, now: int = 0
) -> dict[str, Value]:
    """How far it has come, as attributes of its item. `now` is when it ended, if it has."""
    item: dict[str, Value] = {
        "state": progress.state,
        "attempts": progress.attempts,
        "retryUntil": progress.retry_until,
    }
    match progress.state:
        case State.PENDING:
            assert progress.due_at is not None
            return item | due.index(item_id, progress.due_at)
        case State.DEAD:
            kept_until = (now + DEAD_LETTER_MILLISECONDS) // 1000
            return item | keys.DEAD_LETTERS.index(item_id, now) | {"expiresAt": kept_until}
        case State.DELIVERED | State.CANCELLED:
            return item | {"expiresAt": (now + LOG_MILLISECONDS) // 1000}


def progress_from(item: Item) -> Progress:
    """The inverse of `progress_attributes`. Raises `KeyError`, `TypeError` or `ValueError`."""
    fields: Any = item
    state = State(fields["state"])
    return Progress(
        due_at=int(fields["GSI2SK"]) if state is State.PENDING else None,
        retry_until=whole_number(fields["retryUntil"]),
        state=state,
        attempts=whole_number(fields["attempts"]),
    )


def _delivery(delivery: Delivery, now: int = 0) -> dict[str, Value]:
    happened = delivery.event
    item_id = f"{delivery.endpoint_id}{happened.event_id}"
    return {
        **_event(happened),
        "userId": happened.user_id,
        **progress_attributes(delivery.progress, keys.DUE_DELIVERIES, item_id, now),
        "lastAttempt": _attempt(delivery.last) if delivery.last else None,
        "endedAt": None if delivery.ended_at is None else iso(delivery.ended_at),
    }


def _attempt(attempt: Attempt) -> Mapping[str, Value]:
    return {
        "at": iso(attempt.at),
        "milliseconds": attempt.milliseconds,
        "status": attempt.status,
        "error": attempt.error,
        "response": attempt.response,
    }


def _attempt_from(fields: Any) -> Attempt:
    return Attempt(
        at=from_iso(fields["at"]),
        milliseconds=whole_number(fields["milliseconds"]),
        status=fields.get("status"),
        error=fields["error"],
        response=fields["response"],
    )


def _endpoint(endpoint: Endpoint) -> dict[str, Value]:
    ended = endpoint.state is EndpointState.REMOVED
    kept_until = (endpoint.updated_at + DEAD_LETTER_MILLISECONDS) // 1000
    since = endpoint.failing_since
    return {
        "url": endpoint.url,
        "events": tuple(sorted(endpoint.events)),
        "description": endpoint.description,
        "createdAt": iso(endpoint.created_at),
        "updatedAt": iso(endpoint.updated_at),
        "version": endpoint.version,
        "state": endpoint.state,
        "disabledReason": endpoint.disabled_reason or None,
        "failingSince": None if since is None else iso(since),
        "secret": base64.b64encode(endpoint.secret).decode(),
        "previousSecret": base64.b64encode(endpoint.previous_secret).decode() or None,
        "previousUntil": endpoint.previous_until or None,
        "expiresAt": kept_until if ended else None,
    }
