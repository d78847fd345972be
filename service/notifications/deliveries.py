"""Deliveries of events to endpoints: each is attempted until it is accepted, for three days.

In a file of its own because it is the other half of the outbox: what waits for someone else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from service.core.clock import Clock
from service.core.errors import Unavailable
from service.core.ids import is_id
from service.core.metrics import Metric, Metrics
from service.notifications import keys, store
from service.notifications.endpoints import Endpoints
from service.notifications.entities import (
    SECOND,
    Attempt,
    Delivery,
    DeliveryNotFound,
    Endpoint,
    EndpointState,
    Event,
    Progress,
    State,
    new_delivery,
)
from service.notifications.sender import Sender
from service.storage.cursor import PageTokens
from service.storage.table import ConditionFailed, IndexHit, Table

log = structlog.get_logger()

# Longer than any request to an endpoint may take.
LEASE_MILLISECONDS = 120 * SECOND
NOT_ENABLED = "the endpoint is not enabled"


@dataclass(frozen=True)
class DeliveryPage:
    deliveries: tuple[Delivery, ...]
    next_token: str | None


class Deliveries:
    """Makes deliveries of events, attempts them, and shows what became of them."""

    def __init__(
        self,
        table: Table,
        endpoints: Endpoints,
        sender: Sender,
        clock: Clock,
        metrics: Metrics,
        page_tokens: PageTokens,
        jitter: Callable[[], float],
    ) -> None:
        self._table = table
        self._endpoints = endpoints
        self._sender = sender
        self._clock = clock
        self._metrics = metrics
        self._page_tokens = page_tokens
        self._jitter = jitter

    def publish(self, happened: Event) -> None:
        """Makes a delivery of the event for each endpoint that receives its type: one, however
        often it is published. Raises `StorageUnavailable`."""
        for endpoint in self._endpoints.all():
            if endpoint.receives(happened.type):
                self._make(new_delivery(happened, endpoint.endpoint_id, self._clock.now()))

    def get(self, endpoint_id: str, event_id: str) -> Delivery:
        """Raises `DeliveryNotFound`."""
        known = is_id("whk", endpoint_id) and is_id("evt", event_id)
        item = self._table.get(keys.delivery(endpoint_id, event_id)) if known else None
        if item is None:
            raise DeliveryNotFound
        return store.delivery_from(item)

    def page(self, endpoint_id: str, limit: int, token: str | None) -> DeliveryPage:
        """An endpoint's deliveries, newest events first. Raises `EndpointNotFound`,
        `PageTokenInvalid`."""
        self._endpoints.get(endpoint_id)
        scope = ["webhook deliveries", endpoint_id]
        after = self._page_tokens.open(scope, token) if token else ""
        found = self._table.query(
            keys.deliveries(endpoint_id),
            keys.DELIVERY_PREFIX,
            limit=limit,
            after=after,
            ascending=False,
        )
        last = str(found.items[-1]["SK"]) if found.more else None
        next_token = self._page_tokens.seal(scope, last) if last else None
        return DeliveryPage(tuple(map(store.delivery_from, found.items)), next_token)

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        """Deliveries that are due in that partition, oldest first."""
        return store.read_due(self._table, partition, self._clock.now(), limit)

    def attempt(self, hit: IndexHit, endpoints: Mapping[str, Endpoint]) -> bool | None:
        """Sends what an index says is due. Returns whether it was accepted; None when there was
        nothing to send, or another process is at it. Raises `StorageUnavailable`: the delivery is
        due again when its lease ends."""
        delivery = self._claimed(hit)
        if delivery is None:
            return None
        endpoint = endpoints.get(delivery.endpoint_id)
        if endpoint is None or endpoint.state is not EndpointState.ENABLED:
            refused = Attempt(self._clock.now(), 0, error=NOT_ENABLED)
            self._end(delivery, delivery.progress.dead(), refused)
            return None
        made, sent = self._sent(delivery, endpoint)
        self._end(delivery, self._after(delivery.progress, made), made)
        if sent:
            self._endpoints.note(endpoint, made)
        return made.accepted

    def postpone(self, hit: IndexHit) -> None:
        """Leaves a due delivery for later without an attempt: its endpoint has just failed, and
        others must not wait behind it."""
        item = self._table.get(hit.key)
        delivery = store.delivery_from(item) if item else None
        if delivery is None or not self._is_due(delivery.progress):
            return
        attempts = delivery.progress.attempts
        later = replace(delivery.progress, attempts=attempts + 1).failed(
            self._clock.now(), self._jitter()
        )
        if later.state is State.PENDING:
            after = replace(delivery, progress=replace(later, attempts=attempts))
            self._changed(delivery, after)

    def _sent(self, delivery: Delivery, endpoint: Endpoint) -> tuple[Attempt, bool]:
        """The attempt, and whether it reached the point of a request. Whatever goes wrong before
        counts as a failed attempt: a secret that cannot be opened must become a dead letter, too,
        and not be tried for ever."""
        try:
            secrets = self._endpoints.secrets(endpoint)
            return self._sender.send(endpoint.url, delivery.event, secrets), True
        except Exception as error:
            reason = error.code if isinstance(error, Unavailable) else type(error).__name__
            item = keys.delivery(delivery.endpoint_id, delivery.event.event_id)
            log.exception("webhook_not_attempted", item=str(item), reason=reason)
            return Attempt(self._clock.now(), 0, error=f"not attempted: {reason}"), False

    def _after(self, progress: Progress, made: Attempt) -> Progress:
        if made.accepted:
            return progress.delivered()
        return progress.failed(self._clock.now(), self._jitter(), made.wait_milliseconds)

    def _is_due(self, progress: Progress) -> bool:
        return progress.due_at is not None and progress.due_at <= self._clock.now()

    def _claimed(self, hit: IndexHit) -> Delivery | None:
        """The delivery, which no other process attempts until the lease ends; None if another has
        it, or it is no longer due."""
        item = self._table.get(hit.key)
        delivery = store.delivery_from(item) if item else None
        if delivery is None or not self._is_due(delivery.progress):
            return None
        lease = delivery.progress.claimed(self._clock.now() + LEASE_MILLISECONDS)
        claimed = replace(delivery, progress=lease)
        return claimed if self._changed(delivery, claimed) else None

    def _end(self, delivery: Delivery, progress: Progress, made: Attempt) -> None:
        ended_at = None if progress.state is State.PENDING else self._clock.now()
        after = replace(delivery, progress=progress, last=made, ended_at=ended_at)
        if not self._changed(delivery, after):
            log.warning("webhook_lease_lost", event_id=delivery.event.event_id)
        outcome = "failed" if progress.state is State.PENDING else progress.state
        self._metrics.count(Metric.WEBHOOK_DELIVERIES, outcome=outcome)
        if progress.state is State.DEAD:
            log.error(
                "webhook_dead_letter",
                endpoint_id=delivery.endpoint_id,
                event_id=delivery.event.event_id,
                status=made.status,
                why=made.error,
            )

    def _changed(self, before: Delivery, after: Delivery) -> bool:
        try:
            self._table.write(store.delivery_change(before, after, self._clock.now()))
        except ConditionFailed:
            return False
        return True

    def _make(self, delivery: Delivery) -> None:
        try:
            self._table.write(store.new_delivery_write(delivery))
        except ConditionFailed:
            log.debug("webhook_already_published", event_id=delivery.event.event_id)
