"""What operators change here, as writes for a transaction that records it as well. Pure.

In a file of its own because only operators need it."""

from dataclasses import replace

from service.core.ids import is_id
from service.ledger.operations import ConditionalWrite
from service.notifications import keys, mail_store, store
from service.notifications.entities import (
    RETRY_MILLISECONDS,
    Delivery,
    DeliveryNotFound,
    Endpoint,
    EndpointDisabled,
    EndpointNotFound,
    EndpointState,
    EventType,
    Progress,
    State,
    event,
    new_delivery,
)
from service.notifications.mail_entities import StoredMail, is_mail_id
from service.storage.codec import Item
from service.storage.keys import Key


def endpoint_key(endpoint_id: str) -> Key:
    """The item to read with the change of an endpoint. Raises `EndpointNotFound` for what can be no
    endpoint's id."""
    if not is_id("whk", endpoint_id):
        raise EndpointNotFound
    return keys.endpoint(endpoint_id)


def delivery_key(endpoint_id: str, event_id: str) -> Key:
    """The item to read with the change of a delivery. Raises `EndpointNotFound` or
    `DeliveryNotFound` for what can be no id of ours."""
    endpoint_key(endpoint_id)
    if not is_id("evt", event_id):
        raise DeliveryNotFound
    return keys.delivery(endpoint_id, event_id)


def message_key(user_id: str, event_id: str) -> Key:
    """The item to read with the change of a message in the outbox, or of a mail: the id says which.
    Raises `DeliveryNotFound` for what can be neither's id."""
    if is_id("evt", event_id):
        return keys.message(user_id, event_id)
    if is_mail_id(event_id):
        return keys.mail(user_id, event_id)
    raise DeliveryNotFound


def endpoint_in(item: Item | None) -> Endpoint:
    """Raises `EndpointNotFound`, also for one that was removed."""
    endpoint = store.endpoint_from(item) if item else None
    if endpoint is None or endpoint.state is EndpointState.REMOVED:
        raise EndpointNotFound
    return endpoint


def enabled_in(item: Item | None) -> Endpoint:
    """Raises `EndpointNotFound` or `EndpointDisabled`."""
    endpoint = endpoint_in(item)
    if endpoint.state is not EndpointState.ENABLED:
        raise EndpointDisabled
    return endpoint


def delivery_in(item: Item | None) -> Delivery:
    """Raises `DeliveryNotFound`."""
    if item is None:
        raise DeliveryNotFound
    return store.delivery_from(item)


def endpoint_change(before: Endpoint | None, after: Endpoint) -> ConditionalWrite:
    """An endpoint over the version that was read."""
    return ConditionalWrite(store.endpoint_write(before, after))


def removed(before: Endpoint, now: int) -> Endpoint:
    """Nothing is delivered to it any more."""
    return before.changed(now, state=EndpointState.REMOVED)


def trial_delivery(endpoint: Endpoint, business_key: str, now: int) -> ConditionalWrite:
    """The delivery of an event that says nothing, to that endpoint alone."""
    data = {"endpointId": endpoint.endpoint_id}
    happened = event(EventType.WEBHOOK_TEST, keys.SYSTEM, business_key, now, data)
    return ConditionalWrite(
        store.new_delivery_write(new_delivery(happened, endpoint.endpoint_id, now))
    )


def resent(before: Delivery, now: int) -> ConditionalWrite:
    """The delivery is due now, whatever became of it, and tried for another three days."""
    after = replace(before, progress=_anew(now), ended_at=None)
    return ConditionalWrite(store.delivery_change(before, after, now))


def redriven(item: Item | None, now: int) -> tuple[ConditionalWrite, ...]:
    """A message or mail that is a dead letter is due now, and tried for another three days; nothing
    for one that is not dead, or no longer says anything. Raises `DeliveryNotFound`."""
    if item is None:
        raise DeliveryNotFound
    if Key.of_item(item).sk.startswith(keys.MAIL_PREFIX):
        return _redriven_mail(mail_store.mail_from(item), now)
    message = store.message_from(item)
    if message.progress.state is not State.DEAD:
        return ()
    return (ConditionalWrite(store.message_change(message, _anew(now), now)),)


def _redriven_mail(stored: StoredMail, now: int) -> tuple[ConditionalWrite, ...]:
    if stored.progress.state is not State.DEAD or stored.mail.content is None:
        return ()
    return (ConditionalWrite(mail_store.mail_redriven(stored, _anew(now), now)),)


def _anew(now: int) -> Progress:
    return Progress(due_at=now, retry_until=now + RETRY_MILLISECONDS)
