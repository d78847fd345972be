"""Background work: carries erasures on. Bounded batches, safe to run twice and side by
side."""

from collections.abc import Callable

import structlog

from service.core.errors import RateLimited, Unavailable
from service.erasure import keys
from service.erasure.operations import Erasures
from service.storage.table import IndexHit, StorageUnavailable

log = structlog.get_logger()

BATCH = 25


class DueErasures:
    """Carries on the erasures that are due, oldest first. None is ever given up."""

    name = "erasures"

    def __init__(
        self,
        erasures: Erasures,
        stopping: Callable[[], bool],
        interval_seconds: float,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._erasures = erasures
        self._stopping = stopping

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether a shard may have more. Raises
        `StorageUnavailable` when nothing can be found out."""
        more = False
        for partition in keys.DUE_ERASURES.partitions:
            hits = self._erasures.due(partition, BATCH)
            ended = [self._carried_on(hit) for hit in hits if not self._stopping()]
            more |= len(hits) == BATCH and any(ended)
        return more

    def _carried_on(self, hit: IndexHit) -> bool:
        """One that cannot be carried on must not stop the others. What passes by itself is tried
        with the next attempt, which the erasure has noted; one that is damaged is postponed."""
        try:
            return self._erasures.carry_on(hit.key)
        except (Unavailable, RateLimited) as error:
            log.warning("erasure_not_carried_on", item=str(hit.key), reason=error.code)
            return False
        except Exception:
            log.exception("erasure_not_carried_on", item=str(hit.key))
        try:
            self._erasures.postpone(hit)
        except StorageUnavailable as error:
            log.warning("erasure_not_postponed", item=str(hit.key), reason=error.code)
        return False
