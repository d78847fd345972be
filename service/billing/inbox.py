"""The inbox of Stripe's events: each is stored before its delivery is acknowledged, and dealt with
by reading the present object, at once where that is quick, else by the worker.

In a file of its own because webhooks, the sweep of Stripe's list and operators all put events
here."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from concurrent.futures import TimeoutError as TooLate
from typing import Protocol

import structlog

from service.billing import event_store, keys
from service.billing.entities import StripeRefused
from service.billing.events import (
    LEASE_MILLISECONDS,
    EventFacts,
    EventSource,
    EventState,
    Handling,
    InboxEvent,
    ObjectRef,
    StripeEventNotDead,
    StripeEventNotFound,
    WebhookNotStored,
    is_event_id,
)
from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.ledger.operations import ConditionalWrite
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import ConditionFailed, IndexHit, StorageUnavailable, Table

log = structlog.get_logger()

INLINE_SECONDS = 2.0
# Of one process at once.
MAX_INLINE = 16
MAX_DEAD_LISTED = 100


class Reconcile(Protocol):
    """Reads the present object from Stripe and applies it, as often as it is called."""

    def __call__(self, ref: ObjectRef) -> None: ...


class Inline:
    """Runs work next to a request, for which the request waits for at most two seconds. What takes
    longer goes on; when as much is under way as may be, nothing is begun."""

    def __init__(self, executor: Executor, max_running: int) -> None:
        self._executor = executor
        self._places = threading.Semaphore(max_running)

    def run(self, work: Callable[[], None]) -> None:
        if not self._places.acquire(blocking=False):
            return
        running = self._executor.submit(work)
        running.add_done_callback(self._put_back)
        try:
            running.result(INLINE_SECONDS)
        except TooLate:
            log.info("stripe_event_left_to_the_worker")

    def _put_back(self, done: object) -> None:
        del done
        self._places.release()


class Inbox:
    """Stores Stripe's events, each once, and has each dealt with until it succeeds or has failed
    for good."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        metrics: Metrics,
        jitter: Callable[[], float],
        reconcile: Reconcile,
        inline: Callable[[Callable[[], None]], None],
    ) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self._reconcile = reconcile
        self._inline = inline

    def receive(self, facts: EventFacts) -> None:
        """Stores a verified event and deals with it if that is quick. One that was delivered before
        and is not done yet goes on. Raises `WebhookNotStored` when it may not be stored."""
        stored = self._stored(self._new(facts, EventSource.WEBHOOK, Handling(attempts=1)))
        if stored.handling.state is not EventState.DONE:
            self._inline(lambda: self._attempt_inline(stored))

    def feed(self, facts: EventFacts) -> bool:
        """Stores an event that Stripe's list has; it is due at once. Returns whether it is new.
        Raises `StorageUnavailable`."""
        event = self._new(facts, EventSource.SWEEP, Handling(due_at=self._clock.now()))
        try:
            self._table.write(event_store.new_event_write(event))
        except ConditionFailed:
            return False
        return True

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        """Events that are due in that partition, oldest first."""
        return event_store.read_due(self._table, partition, self._clock.now(), limit)

    def dispatch(self, hit: IndexHit) -> bool:
        """Deals with the event that an index says is due. Returns whether it is done; False also
        when another process is at it. Raises `StorageUnavailable`."""
        stored = self._read(keys.event_id_of(hit.key))
        if stored is None or stored.handling.state is not EventState.PENDING:
            return False
        now = self._clock.now()
        if stored.handling.due_at is None or stored.handling.due_at > now:
            return False
        claimed = self._changed(stored, stored.handling.claimed(now))
        return claimed is not None and self._attempt(claimed)

    def count_dead(self) -> int:
        """How many events have failed for good, up to 100. Raises `StorageUnavailable`."""
        return len(self._dead_hits())

    def dead(self) -> tuple[InboxEvent, ...]:
        """At most 100 that have failed for good, those that failed first at the beginning. Raises
        `StorageUnavailable`."""
        found = (self._read(keys.event_id_of(hit.key)) for hit in self._dead_hits())
        return tuple(
            each for each in found if each is not None and each.handling.state is EventState.DEAD
        )

    def _new(self, facts: EventFacts, source: EventSource, handling: Handling) -> InboxEvent:
        """One that concerns nothing here is done already. The storing of one that was delivered is
        the claim of its first attempt: no sweep takes it up before that must have ended."""
        now = self._clock.now()
        if facts.ref is None:
            return InboxEvent(facts, Handling().done(), now, source, ended_at=now)
        due_at = handling.due_at or now + LEASE_MILLISECONDS
        return InboxEvent(facts, Handling(attempts=handling.attempts, due_at=due_at), now, source)

    def _stored(self, event: InboxEvent) -> InboxEvent:
        """The event as it is stored now. Nothing may be acknowledged that is not there for sure."""
        event_id = event.event.event_id
        try:
            self._table.write(event_store.new_event_write(event))
            return event
        except ConditionFailed as other:
            if other.item is not None:
                return event_store.event_from_item(other.item)
        except StorageUnavailable as error:
            log.warning("stripe_event_write_failed", event_id=event_id, reason=error.code)
        return self._reread(event_id)

    def _reread(self, event_id: str) -> InboxEvent:
        try:
            stored = self._read(event_id)
        except StorageUnavailable as error:
            raise self._not_stored() from error
        if stored is None:
            raise self._not_stored()
        return stored

    def _not_stored(self) -> WebhookNotStored:
        self._metrics.count(Metric.STRIPE_WEBHOOKS_NOT_STORED)
        return WebhookNotStored()

    def _read(self, event_id: str) -> InboxEvent | None:
        item = self._table.get(keys.event(event_id))
        return event_store.event_from_item(item) if item else None

    def _attempt(self, stored: InboxEvent) -> bool:
        """Whether the event has been dealt with. Whatever goes wrong, it is tried again."""
        event, ref = stored.event, stored.event.ref
        if ref is None:
            return True
        try:
            self._reconcile(ref)
        except FareboxError as error:
            log.warning("stripe_event_not_handled", event_id=event.event_id, reason=error.code)
            self._failed(stored, error.code, passes=_passes(error))
            return False
        except Exception as error:
            log.exception("stripe_event_not_handled", event_id=event.event_id, type=event.type)
            self._failed(stored, type(error).__name__, passes=False)
            return False
        self._metrics.count(Metric.STRIPE_EVENTS, outcome="done")
        self._done(stored)
        return True

    def _attempt_inline(self, stored: InboxEvent) -> None:
        """What goes wrong here is the worker's to try again: the event is stored."""
        try:
            self._attempt(stored)
        except StorageUnavailable as error:
            log.warning("stripe_event_not_handled", reason=error.code)

    def _done(self, stored: InboxEvent) -> None:
        try:
            self._table.write(event_store.event_done(stored, self._clock.now()))
        except ConditionFailed:
            log.debug("stripe_event_done_before", event_id=stored.event.event_id)

    def _failed(self, stored: InboxEvent, error: str, *, passes: bool) -> None:
        self._metrics.count(Metric.STRIPE_EVENTS, outcome="failed")
        # Being due again later makes it no younger.
        age_seconds = (self._clock.now() - stored.received_at) / 1000
        self._metrics.gauge(Metric.STRIPE_EVENT_AGE_SECONDS, age_seconds)
        after = stored.handling.failed(self._clock.now(), self._jitter(), error, passes=passes)
        if self._changed(stored, after) is None:
            # Another process has it, or has dealt with it.
            log.info("stripe_event_lease_lost", event_id=stored.event.event_id)
        elif after.state is EventState.DEAD:
            event = stored.event
            log.error("stripe_event_dead", event_id=event.event_id, type=event.type, why=error)

    def _changed(self, before: InboxEvent, after: Handling) -> InboxEvent | None:
        """The event as changed; None if it does not stand as it was read any more."""
        now = self._clock.now()
        try:
            self._table.write(event_store.event_change(before, after, now))
        except ConditionFailed:
            return None
        ended_at = None if after.state is EventState.PENDING else now
        return InboxEvent(before.event, after, before.received_at, before.source, ended_at)

    def _dead_hits(self) -> Sequence[IndexHit]:
        partition = keys.DEAD_EVENTS.partitions[0]
        return event_store.read_dead(self._table, partition, MAX_DEAD_LISTED)


def _passes(error: FareboxError) -> bool:
    """Whether that passes by itself, as an outage does. What Stripe refuses once, it refuses
    again."""
    return isinstance(error, Unavailable | RateLimited) and not isinstance(error, StripeRefused)


def event_key(event_id: str) -> Key:
    """The item of that event. Raises `StripeEventNotFound` for what is no id of an event."""
    if not is_event_id(event_id):
        raise StripeEventNotFound
    return keys.event(event_id)


def redriven(item: Item | None, now: int) -> ConditionalWrite:
    """The write after which the worker tries a dead event anew. Pure. Raises `StripeEventNotFound`
    and `StripeEventNotDead`; so does writing it, for one that another has taken up."""
    if item is None:
        raise StripeEventNotFound
    stored = event_store.event_from_item(item)
    if stored.handling.state is not EventState.DEAD:
        raise StripeEventNotDead
    write = event_store.event_change(stored, stored.handling.redriven(now), now)
    return ConditionalWrite(write, StripeEventNotDead())
