"""Background work on jobs: resolves due jobs. Bounded batches, safe to run twice and side by
side."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.jobs import keys, store
from service.jobs.settlement import Settlement
from service.storage.data_keys import DataUnreadable
from service.storage.table import ConditionFailed, StorageUnavailable, Table

log = structlog.get_logger()

BATCH = 25
POSTPONE_MILLISECONDS = 60_000


# Whose job it is, its id, and when it was due.
DueJob = tuple[str, str, int]


class _InProgress:
    """The jobs that are being resolved at the moment, by this run of the sweep or an earlier
    one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._jobs: set[tuple[str, str]] = set()
        self._none_left = threading.Event()
        self._unresolved = 0

    @property
    def unresolved(self) -> int:
        """How many could not be resolved so far."""
        return self._unresolved

    def begin(self, due: DueJob) -> bool:
        """Returns False for a job that is being resolved already."""
        with self._guard:
            if due[:2] in self._jobs:
                return False
            self._jobs.add(due[:2])
            self._none_left.clear()
            return True

    def end(self, due: DueJob, *, resolved: bool) -> None:
        with self._guard:
            self._jobs.discard(due[:2])
            self._unresolved += not resolved
            if not self._jobs:
                self._none_left.set()

    def wait(self, seconds: float) -> bool:
        """Waits until none is left, at most so long. Returns whether none is."""
        with self._guard:
            if not self._jobs:
                return True
        return self._none_left.wait(seconds)


class DueJobs:
    """Resolves the jobs that are past due, oldest first, shard by shard.

    A run does not wait for its slowest job: after `interval_seconds` it leaves it to its thread,
    and the next run resolves what has become due meanwhile."""

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
        self._in_progress = _InProgress()

    def run_once(self) -> bool:
        """Begins one batch of each shard. Returns whether to run again at once: any shard may have
        more than a batch, or a job is still being resolved while others become due. Raises
        `StorageUnavailable`."""
        now = self._clock.now()
        shards = [
            store.read_due(self._table, partition, now, BATCH)
            for partition in keys.DUE_JOBS.partitions
        ]
        oldest = min((due_at for shard in shards for *_, due_at in shard), default=now)
        self._metrics.gauge(Metric.OLDEST_DUE_JOB_SECONDS, max(0, now - oldest) / 1000)
        unresolved = self._in_progress.unresolved
        for shard in shards:
            for due in shard:
                self._begin(due)
        finished = self._in_progress.wait(self.interval_seconds)
        if self._in_progress.unresolved > unresolved:
            return False
        return not finished or any(len(shard) == BATCH for shard in shards)

    def _begin(self, due: DueJob) -> None:
        """Has the job resolved by the next free thread."""
        if not self._in_progress.begin(due):
            return
        try:
            self._executor.submit(self._resolve_and_end, due)
        except BaseException:
            self._in_progress.end(due, resolved=False)
            raise

    def _resolve_and_end(self, due: DueJob) -> None:
        resolved = False
        try:
            with structlog.contextvars.bound_contextvars(job_id=due[1]):
                resolved = self._resolve(due)
        finally:
            self._in_progress.end(due, resolved=resolved)

    def _resolve(self, due: DueJob) -> bool:
        """A job that cannot be resolved must stop neither the others nor those behind it: it is
        resolved again later, and an operator is alarmed. What passes by itself (no table, a busy
        wallet, an unknown outcome) is simply tried in the next round, and so is what is left when
        the process is to stop; damage does not pass. Returns whether it was resolved."""
        if self._stopping():
            return False
        user_id, job_id, due_at = due
        try:
            self._settlement.resolve(user_id, job_id, due_by=self._clock.now())
            return True
        except FareboxError as error:
            if _passes(error):
                log.warning("job_not_resolved", user_id=user_id, job_id=job_id, reason=error.code)
                return False
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


def _passes(error: FareboxError) -> bool:
    return isinstance(error, Unavailable | RateLimited) and not isinstance(error, DataUnreadable)
