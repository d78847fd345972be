"""Background work of the ledger: makes the grants whose time has come. Bounded batches, safe to run
twice and side by side."""

import contextlib
from collections.abc import Callable

import structlog

from service.core.clock import Clock
from service.core.errors import RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.ledger import keys
from service.ledger.grants import Grants
from service.storage.keys import GSI2, Key, due_time
from service.storage.table import ConditionFailed, IndexHit, StorageUnavailable, Table
from service.storage.writes import Update, When

log = structlog.get_logger()

BATCH = 25
POSTPONE_MILLISECONDS = 60_000


class DueGrants:
    """Makes scheduled grants, oldest first, shard by shard."""

    name = "due_grants"

    def __init__(
        self,
        table: Table,
        grants: Grants,
        clock: Clock,
        metrics: Metrics,
        stopping: Callable[[], bool] = lambda: False,
        interval_seconds: float = 10.0,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._table = table
        self._grants = grants
        self._clock = clock
        self._metrics = metrics
        self._stopping = stopping

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether any shard may have more. Raises
        `StorageUnavailable`."""
        more = False
        for partition in keys.DUE_GRANTS.partitions:
            up_to = due_time(self._clock.now())
            hits = self._table.query_index(GSI2, partition, limit=BATCH, up_to=up_to)
            made = [self._make(hit) for hit in hits if not self._stopping()]
            more |= len(hits) == BATCH and all(made)
        return more

    def _make(self, hit: IndexHit) -> bool:
        """One that cannot be made must not stop the others: it is tried again later, and an
        operator is alarmed unless it passes by itself. Returns whether it is done with."""
        try:
            self._grants.make_due(hit.key)
            return True
        except (Unavailable, RateLimited) as error:
            log.warning("grant_not_made", grant=str(hit.key), reason=error.code)
            return False
        except Exception:
            log.exception("grant_not_made", grant=str(hit.key))
            self._metrics.count(Metric.GRANT_ALARMS, alarm="broken")
        self._postpone(hit.key, hit.sort)
        return False

    def _postpone(self, key: Key, was_due: str) -> None:
        """Moves the next try alone; the grant keeps its time."""
        later = due_time(self._clock.now() + POSTPONE_MILLISECONDS)
        with contextlib.suppress(ConditionFailed, StorageUnavailable):
            self._table.write(Update(key, When(equals={"GSI2SK": was_due}), set={"GSI2SK": later}))
