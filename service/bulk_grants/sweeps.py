"""Background work on bulk grants: runs the parts that are due. Bounded runs, safe to run twice and
side by side."""

from collections.abc import Callable
from concurrent.futures import Executor, wait

import structlog

from service.bulk_grants import keys, store
from service.bulk_grants.part_runs import PartRuns
from service.core.clock import Clock
from service.core.errors import RateLimited, Unavailable
from service.storage.keys import Key
from service.storage.table import Table

log = structlog.get_logger()

BATCH = 4


class DueBulkGrants:
    """Runs the parts of bulk grants that are due, oldest first, shard by shard."""

    name = "bulk_grants"

    def __init__(
        self,
        table: Table,
        runs: PartRuns,
        clock: Clock,
        executor: Executor,
        stopping: Callable[[], bool],
        interval_seconds: float,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._table = table
        self._runs = runs
        self._clock = clock
        self._executor = executor
        self._stopping = stopping

    def run_once(self) -> bool:
        """Runs one batch of each shard. Returns whether any part has more to do at once. Raises
        `StorageUnavailable`."""
        now = self._clock.now()
        due = [
            key
            for partition in keys.DUE_PARTS.partitions
            for key in store.read_due(self._table, partition, now, BATCH)
        ]
        runs = [self._executor.submit(self._run, key) for key in due]
        wait(runs)
        return any(run.result() for run in runs)

    def _run(self, key: Key) -> bool:
        """A part that meets trouble stops no other; it is taken up again once its lease is over."""
        if self._stopping():
            return False
        try:
            return self._runs.run(key, self._stopping)
        except (Unavailable, RateLimited) as error:
            log.warning("bulk_grant_interrupted", part=str(key), reason=error.code)
        except Exception:
            log.exception("bulk_grant_interrupted", part=str(key))
        return False
