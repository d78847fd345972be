"""Dead letters: what could not be handed on, delivered or mailed for three days, or was refused for
good, and waits for an operator.

In a file of its own because it covers messages, deliveries and mails alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.notifications import keys, mail_store, store
from service.notifications.entities import Delivery, OutboxMessage, State
from service.notifications.mail_entities import StoredMail
from service.storage.keys import GSI2, Key
from service.storage.table import IndexHit, Table

MAX_LISTED = 100
MAIL_TYPE = "mail"


@dataclass(frozen=True)
class DeadLetter:
    """An event that has not been delivered. Without `endpoint_id` it has not even been handed on to
    the endpoints. For a mail, `event_id` is its id and `type` is `mail.<template>`."""

    user_id: str
    event_id: str
    type: str
    created_at: int
    attempts: int
    endpoint_id: str | None = None
    error: str = ""


class DeadLetters:
    """Finds them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def count(self) -> int:
        """How many there are, up to 100. Raises `StorageUnavailable`."""
        return len(self._hits())

    def all(self) -> tuple[DeadLetter, ...]:
        """At most 100, those that died first at the beginning. Raises `StorageUnavailable`."""
        found = (self._read(hit.key) for hit in self._hits())
        return tuple(letter for letter in found if letter is not None)

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
        if key.sk.startswith(keys.MAIL_PREFIX):
            return _of_mail(mail_store.mail_from(item))
        return _of_message(store.message_from(item))


def _of_delivery(delivery: Delivery) -> DeadLetter:
    last = delivery.last
    status = f"HTTP {last.status}" if last and last.status else ""
    return replace(
        _of_message(OutboxMessage(delivery.event, delivery.progress)),
        endpoint_id=delivery.endpoint_id,
        error=status or (last.error if last else ""),
    )


def _of_mail(stored: StoredMail) -> DeadLetter:
    mail = stored.mail
    return DeadLetter(
        mail.user_id,
        mail.mail_id,
        f"{MAIL_TYPE}.{mail.template}",
        stored.created_at,
        stored.progress.attempts,
        error=stored.error,
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
