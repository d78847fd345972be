"""Background work: removes what a process that died has left of a result without its head."""

from collections.abc import Callable

import structlog

from service.core.errors import Unavailable
from service.results import keys
from service.results.operations import Results
from service.storage.keys import Key

log = structlog.get_logger()

BATCH = 25
INTERVAL_SECONDS = 300.0


class UnfinishedResults:
    """Safe to run twice and side by side: nothing that it removes can be read any more."""

    name = "unfinished_results"
    interval_seconds = INTERVAL_SECONDS

    def __init__(self, results: Results, stopping: Callable[[], bool]) -> None:
        self._results = results
        self._stopping = stopping

    def run_once(self) -> bool:
        """One batch of each shard. Raises `StorageUnavailable` when nothing can be found out."""
        more = False
        for partition in keys.DUE_UNFINISHED.partitions:
            found = self._results.due(partition, BATCH)
            finished = [self._finished(key) for key in found if not self._stopping()]
            more |= len(found) == BATCH and all(finished)
        return more

    def _finished(self, key: Key) -> bool:
        """One that cannot be finished must not stop the others."""
        try:
            self._results.finish(key)
        except Unavailable as error:
            log.warning("result_not_finished", item=str(key), reason=error.code)
            return False
        except Exception:
            log.exception("result_not_finished", item=str(key))
            return False
        return True
