"""Background work: hands events on, delivers webhooks, and reports what expires. Bounded batches,
safe to run twice and side by side: each item is claimed by a conditional update."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Protocol

import structlog

from service.core.errors import Unavailable
from service.core.metrics import Metric, Metrics
from service.notifications import keys
from service.notifications.dead_letters import DeadLetters
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints, by_id
from service.notifications.entities import Endpoint
from service.storage.keys import DueKind
from service.storage.table import IndexHit

log = structlog.get_logger()

BATCH = 25
# Dead letters wait for an operator: no one needs their number every other second.
RUNS_BETWEEN_COUNTS = 30


class DueWork(Protocol):
    """Finds what is due, and does it."""

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]: ...

    def dispatch(self, hit: IndexHit) -> bool: ...


class Dispatch:
    """Does one kind of due work, oldest first, shard by shard. One that cannot be done stops
    neither the others nor those behind it."""

    def __init__(
        self,
        name: str,
        kind: DueKind,
        work: DueWork,
        stopping: Callable[[], bool],
        interval_seconds: float,
    ) -> None:
        self.name = name
        self.interval_seconds = interval_seconds
        self._kind = kind
        self._work = work
        self._stopping = stopping

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether a shard may have more. Raises
        `StorageUnavailable` when nothing can be found out."""
        more = False
        for partition in self._kind.partitions:
            hits = self._work.due(partition, BATCH)
            done = [self._dispatched(hit) for hit in hits]
            more |= len(hits) == BATCH and any(done)
        return more

    def _dispatched(self, hit: IndexHit) -> bool:
        if self._stopping():
            return False
        try:
            return self._work.dispatch(hit)
        except Unavailable as error:
            log.warning("due_work_not_done", sweep=self.name, item=str(hit.key), reason=error.code)
        except Exception:
            log.exception("due_work_not_done", sweep=self.name, item=str(hit.key))
        return False


class DeliverWebhooks:
    """Attempts the deliveries that are due: those of different endpoints side by side, those of one
    endpoint one after the other, until one fails. The rest of that endpoint's batch is postponed,
    so that a receiver that hangs keeps no other waiting for longer than one request takes."""

    name = "webhooks"

    def __init__(
        self,
        deliveries: Deliveries,
        endpoints: Endpoints,
        dead_letters: DeadLetters,
        metrics: Metrics,
        executor: Executor,
        stopping: Callable[[], bool],
        interval_seconds: float,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._executor = executor
        self._stopping = stopping
        self._runs = 0

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether a shard may have more. Raises
        `StorageUnavailable`."""
        batches = [self._deliveries.due(each, BATCH) for each in keys.DUE_DELIVERIES.partitions]
        if self._runs % RUNS_BETWEEN_COUNTS == 0:
            self._metrics.gauge(Metric.DEAD_LETTERS, self._dead_letters.count())
        self._runs += 1
        due: dict[str, list[IndexHit]] = {}
        for hit in (hit for batch in batches for hit in batch):
            due.setdefault(hit.key.pk, []).append(hit)
        if not due:
            return False
        endpoints = by_id(self._endpoints.all())
        running = [
            self._executor.submit(self._attempt_all, hits, endpoints) for hits in due.values()
        ]
        accepted = [each.result() for each in running]
        return any(accepted) and any(len(batch) == BATCH for batch in batches)

    def _attempt_all(self, hits: Sequence[IndexHit], endpoints: Mapping[str, Endpoint]) -> bool:
        """Returns whether the endpoint accepted any."""
        accepted = 0
        for place, hit in enumerate(hits):
            if self._stopping():
                break
            outcome = self._attempted(hit, endpoints)
            accepted += outcome is True
            if outcome is False:
                self._postpone(hits[place + 1 :])
                break
        return accepted > 0

    def _attempted(self, hit: IndexHit, endpoints: Mapping[str, Endpoint]) -> bool | None:
        try:
            return self._deliveries.attempt(hit, endpoints)
        except Unavailable as error:
            log.warning("webhook_not_attempted", item=str(hit.key), reason=error.code)
        except Exception:
            # Its lease ends, and it is attempted again: a mistake of ours must not lose it.
            log.exception("webhook_not_attempted", item=str(hit.key))
        return None

    def _postpone(self, hits: Sequence[IndexHit]) -> None:
        for hit in hits:
            try:
                self._deliveries.postpone(hit)
            except Unavailable as error:
                log.warning("webhook_not_postponed", item=str(hit.key), reason=error.code)
                return
