"""What the audit proves of the outbox, of notices, endpoints, deliveries and mails: each can be
read, and is due exactly if something is still to be done."""

from collections.abc import Iterator, Mapping

from service.notifications import keys, mail_store, store
from service.notifications.entities import Progress, State
from service.notifications.mail_limits import MAX_MAILS
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, DueKind, due_time, user_of


def notification_checks() -> tuple[ItemCheck, ...]:
    return (
        ItemCheck(keys.MESSAGE_ITEM, _message_faults),
        ItemCheck(keys.NOTICE_ITEM, _notice_faults),
        ItemCheck(keys.ENDPOINT_ITEM, _endpoint_faults),
        ItemCheck(keys.DELIVERY_ITEM, _delivery_faults),
        ItemCheck(keys.MAIL_ITEM, _mail_faults),
        ItemCheck(keys.ADDRESS_COUNT_ITEM, _count_faults),
        ItemCheck(keys.PREFERENCES_ITEM, _preference_faults),
    )


def _message_faults(item: Item) -> Iterator[str]:
    message = store.message_from(item)
    event_id = message.event.event_id
    yield from _progress_faults(item, message.progress, keys.DUE_MESSAGES, event_id)


def _delivery_faults(item: Item) -> Iterator[str]:
    delivery = store.delivery_from(item)
    item_id = f"{delivery.endpoint_id}{delivery.event.event_id}"
    yield from _progress_faults(item, delivery.progress, keys.DUE_DELIVERIES, item_id)
    if (delivery.ended_at is None) != (delivery.progress.state is State.PENDING):
        yield "its end does not fit its state"


def _mail_faults(item: Item) -> Iterator[str]:
    stored = mail_store.mail_from(item)
    state = stored.progress.state
    due_id = f"{stored.mail.user_id}{stored.mail.mail_id}"
    yield from _progress_faults(item, stored.progress, keys.DUE_MAILS, due_id)
    if (stored.ended_at is None) != (state is State.PENDING):
        yield "its end does not fit its state"
    if (stored.mail.content is None) != (state in (State.DELIVERED, State.CANCELLED)):
        yield "it says something without being sent, or nothing though it may still be"


def _count_faults(item: Item) -> Iterator[str]:
    sent: object = item["sent"]
    if not isinstance(sent, Mapping) or not all(type(at) is int for at in sent.values()):
        yield "it does not say when each mail was sent"
    elif len(sent) > MAX_MAILS:
        yield f"it counts {len(sent)} mails, {MAX_MAILS} at most"
    if "expiresAt" not in item:
        yield "it is kept for ever"


def _preference_faults(item: Item) -> Iterator[str]:
    if not isinstance(item["mail"], bool):
        yield "it does not say whether the user wants mail"


def _notice_faults(item: Item) -> Iterator[str]:
    due_at, day = item["dueAt"], int(str(item["SK"]).removeprefix(keys.NOTICE_PREFIX))
    if type(due_at) is not int or keys.notice(user_of(str(item["PK"])), day).sk != item["SK"]:
        yield "its time or day is no whole number"
        return
    due = keys.DUE_NOTICES.index(user_of(str(item["PK"])), due_at)
    if _index_of(item) != ({} if "expiresAt" in item else due):
        yield "its index attributes are not those of its shard and time"


def _endpoint_faults(item: Item) -> Iterator[str]:
    endpoint = store.endpoint_from(item)
    if not endpoint.secret:
        yield "has no secret"
    if endpoint.version < 1:
        yield "its version is not one of ours"


def _progress_faults(item: Item, progress: Progress, due: DueKind, item_id: str) -> Iterator[str]:
    if progress.attempts < 0:
        yield "its attempts are negative"
    if ("expiresAt" in item) != (progress.state is not State.PENDING):
        yield "is kept for another time than its state says"
    found, died_at = _index_of(item), str(item.get("GSI2SK"))
    match progress.state:
        case State.PENDING:
            assert progress.due_at is not None
            expected = due.index(item_id, progress.due_at)
        case State.DEAD:
            expected = keys.DEAD_LETTERS.index(item_id, int(died_at))
            expected["GSI2SK"] = due_time(int(died_at))
        case State.DELIVERED | State.CANCELLED:
            expected = {}
    if found != expected:
        yield "its index attributes are not those of its shard and time"


def _index_of(item: Item) -> dict[str, object]:
    return {name: item[name] for name in DUE_INDEX_ATTRIBUTES if name in item}
