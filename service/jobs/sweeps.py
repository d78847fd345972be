"""Background work on jobs: resolves due jobs. Bounded batches, safe to run twice and side by
side."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.jobs import keys, store
from service.jobs.settlement import Settlement
from service.storage.table import ConditionFailed, StorageUnavailable, Table

log = structlog.get_logger()

BATCH = 25
POSTPONE_MILLISECONDS = 60_000


class DueJobs:
    """Resolves the jobs that are past due, oldest first, shard by shard."""

    name = "due_jobs"

    def __init__(
        self,
        table: Table,
        settlement: Settlement,
        clock: Clock,
        metrics: Metrics,
        executor: Executor,
        stopping: Callable[[], bool] = lambda: False,
        interval_seconds: float = 1.0,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._table = table
        self._settlement = settlement
        self._clock = clock
        self._metrics = metrics
        self._executor = executor
        self._stopping = stopping

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether any shard had more than a batch. Raises
        `StorageUnavailable`."""
        now = self._clock.now()
        shards = [
            store.read_due(self._table, partition, now, BATCH)
            for partition in keys.DUE_JOBS.partitions
        ]
        oldest = min((due_at for shard in shards for *_, due_at in shard), default=now)
        self._metrics.gauge(Metric.OLDEST_DUE_JOB_SECONDS, max(0, now - oldest) / 1000)
        resolved = list(
            self._executor.map(self._resolve, (job for shard in shards for job in shard))
        )
        return all(resolved) and any(len(shard) == BATCH for shard in shards)

    def _resolve(self, due: tuple[str, str, int]) -> bool:
        """A job that cannot be resolved must stop neither the others nor those behind it: it is
        resolved again later, and an operator is alarmed. What passes by itself (no table, a busy
        wallet, an unknown outcome) is simply tried in the next round, and so is what is left when
        the process is to stop. Returns whether it was resolved."""
        if self._stopping():
            return False
        user_id, job_id, due_at = due
        try:
            self._settlement.resolve(user_id, job_id, due_by=self._clock.now())
            return True
        except (Unavailable, RateLimited) as error:
            log.warning("job_not_resolved", user_id=user_id, job_id=job_id, reason=error.code)
            return False
        except FareboxError as error:
            log.error("job_not_resolved", user_id=user_id, job_id=job_id, reason=error.code)
            self._metrics.count(Metric.JOB_ALARMS, alarm="unresolvable")
        except Exception:
            log.exception("job_not_resolved", user_id=user_id, job_id=job_id)
            self._metrics.count(Metric.JOB_ALARMS, alarm="broken")
        self._postpone(user_id, job_id, due_at)
        return False

    def _postpone(self, user_id: str, job_id: str, due_at: int) -> None:
        later = self._clock.now() + POSTPONE_MILLISECONDS
        with contextlib.suppress(ConditionFailed, StorageUnavailable):
            self._table.write(store.postpone_write(user_id, job_id, due_at, later))
