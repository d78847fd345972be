"""Dead letters: what could not be handed on or delivered for three days, and waits for an operator.

In a file of its own because it covers messages and deliveries alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.core.clock import Clock
from service.core.ids import is_id
from service.notifications import keys, store
from service.notifications.deliveries import Deliveries
from service.notifications.entities import (
    RETRY_MILLISECONDS,
    Delivery,
    DeliveryNotFound,
    OutboxMessage,
    Progress,
    State,
)
from service.storage.keys import GSI2, Key
from service.storage.table import ConditionFailed, IndexHit, Table

MAX_LISTED = 100


@dataclass(frozen=True)
class DeadLetter:
    """An event that has not been delivered. Without `endpoint_id` it has not even been handed on to
    the endpoints."""

    user_id: str
    event_id: str
    type: str
    created_at: int
    attempts: int
    endpoint_id: str | None = None
    error: str = ""


class DeadLetters:
    """Lists and re-drives them. Deliveries are re-driven by `Deliveries.resend`."""

    def __init__(self, table: Table, deliveries: Deliveries, clock: Clock) -> None:
        self._table = table
        self._deliveries = deliveries
        self._clock = clock

    def count(self) -> int:
        """How many there are, up to 100. Raises `StorageUnavailable`."""
        return len(self._hits())

    def all(self) -> tuple[DeadLetter, ...]:
        """At most 100, those that died first at the beginning. Raises `StorageUnavailable`."""
        found = (self._read(hit.key) for hit in self._hits())
        return tuple(letter for letter in found if letter is not None)

    def redrive(self, letter: DeadLetter) -> None:
        """Makes it due now, for another three days. Does nothing for one that is not dead any
        more. Raises `EndpointNotFound`, `EndpointDisabled`, `DeliveryNotFound`."""
        if letter.endpoint_id is not None:
            self._deliveries.resend(letter.endpoint_id, letter.event_id)
            return
        message, now = self.message(letter.user_id, letter.event_id), self._clock.now()
        if message.progress.state is not State.DEAD:
            return
        progress = Progress(due_at=now, retry_until=now + RETRY_MILLISECONDS)
        try:
            self._table.write(store.message_change(message, progress, now))
        except ConditionFailed:
            # Somebody else has re-driven it.
            return

    def message(self, user_id: str, event_id: str) -> OutboxMessage:
        """Raises `DeliveryNotFound`."""
        item = self._table.get(keys.message(user_id, event_id)) if is_id("evt", event_id) else None
        if item is None:
            raise DeliveryNotFound
        return store.message_from(item)

    def _hits(self) -> Sequence[IndexHit]:
        partition = keys.DEAD_LETTERS.partitions[0]
        return self._table.query_index(GSI2, partition, limit=MAX_LISTED)

    def _read(self, key: Key) -> DeadLetter | None:
        """None for one that has been re-driven since the index was read."""
        item = self._table.get(key)
        if item is None or item.get("state") != State.DEAD:
            return None
        if key.sk.startswith(keys.DELIVERY_PREFIX):
            return _of_delivery(store.delivery_from(item))
        return _of_message(store.message_from(item))


def _of_delivery(delivery: Delivery) -> DeadLetter:
    last = delivery.last
    status = f"HTTP {last.status}" if last and last.status else ""
    return replace(
        _of_message(OutboxMessage(delivery.event, delivery.progress)),
        endpoint_id=delivery.endpoint_id,
        error=status or (last.error if last else ""),
    )


def _of_message(message: OutboxMessage) -> DeadLetter:
    happened = message.event
    return DeadLetter(
        happened.user_id,
        happened.event_id,
        happened.type,
        happened.created_at,
        message.progress.attempts,
    )
