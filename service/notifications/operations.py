"""The outbox: what must happen after a transaction is written in it, and handed on later."""

from collections.abc import Callable, Sequence

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.notifications import store
from service.notifications.entities import SECOND, Event, OutboxMessage, State, new_message
from service.storage.table import ConditionFailed, IndexHit, StorageUnavailable, Table
from service.storage.writes import Put

log = structlog.get_logger()

LEASE_MILLISECONDS = 60 * SECOND

Handler = Callable[[Event], None]
"""Hands an event on. Called at least once for each event, and idempotent by the event's id; what it
raises makes the event due again."""


def to_outbox(happened: Event, now: int) -> Put:
    """The write that puts an event into the outbox, for the transaction that causes it."""
    return store.message_write(new_message(happened, now))


class Outbox:
    """Hands events on to the handlers: at least once each, until it succeeds or has been tried for
    three days."""

    def __init__(
        self, table: Table, clock: Clock, metrics: Metrics, jitter: Callable[[], float]
    ) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self._handlers: list[Handler] = []

    def register(self, handler: Handler) -> None:
        """Has that handler receive every event. To be called while the process is put together."""
        self._handlers.append(handler)

    def put_once(self, happened: Event) -> bool:
        """Puts an event that belongs to no transaction. Returns whether it is new. Raises
        `StorageUnavailable`."""
        try:
            self._table.write(store.new_message_write(new_message(happened, self._clock.now())))
        except ConditionFailed:
            return False
        return True

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        """Messages that are due in that partition, oldest first."""
        return store.read_due(self._table, partition, self._clock.now(), limit)

    def dispatch(self, hit: IndexHit) -> bool:
        """Hands on the event that an index says is due. Returns whether it was handed on; False
        also when another process is at it. Raises `StorageUnavailable`."""
        item = self._table.get(hit.key)
        message = store.message_from(item) if item else None
        if message is None or message.progress.state is not State.PENDING:
            return False
        claimed = self._claimed(message)
        if claimed is None:
            return False
        return self._handed_on(claimed)

    def _claimed(self, message: OutboxMessage) -> OutboxMessage | None:
        """The message, which no other process hands on until the lease ends; None if another has
        it already."""
        now = self._clock.now()
        if message.progress.due_at is None or message.progress.due_at > now:
            return None
        progress = message.progress.claimed(now + LEASE_MILLISECONDS)
        try:
            self._table.write(store.message_change(message, progress, now))
        except ConditionFailed:
            return None
        return OutboxMessage(message.event, progress)

    def _handed_on(self, message: OutboxMessage) -> bool:
        try:
            for handler in self._handlers:
                handler(message.event)
        except StorageUnavailable:
            # Passes by itself: due again when the lease ends.
            raise
        except Exception:
            log.exception("outbox_handler_failed", event_id=message.event.event_id)
            self._end_attempt(message, succeeded=False)
            return False
        self._metrics.count(Metric.EVENTS, type=message.event.type)
        self._end_attempt(message, succeeded=True)
        return True

    def _end_attempt(self, message: OutboxMessage, *, succeeded: bool) -> None:
        now, progress = self._clock.now(), message.progress
        after = progress.delivered() if succeeded else progress.failed(now, self._jitter())
        if after.state is State.DEAD:
            log.error("outbox_dead_letter", event_id=message.event.event_id)
        try:
            self._table.write(store.message_change(message, after, now))
        except ConditionFailed:
            # The lease ended meanwhile, and another process has it.
            log.warning("outbox_lease_lost", event_id=message.event.event_id)
