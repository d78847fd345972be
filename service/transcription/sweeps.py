"""Background work: deletes transcripts that their users have deleted at the vendor, too. Bounded
batches, safe to run twice and side by side."""

from collections.abc import Callable

import structlog

from service.core.errors import RateLimited, Unavailable
from service.storage.table import IndexHit, StorageUnavailable
from service.transcription import keys
from service.transcription.deletions import Deletions

log = structlog.get_logger()

BATCH = 25
INTERVAL_SECONDS = 30.0


class DueDeletions:
    """Carries on the deletions that are due, oldest first. None is ever given up."""

    name = "transcript_deletions"
    interval_seconds = INTERVAL_SECONDS

    def __init__(self, deletions: Deletions, stopping: Callable[[], bool]) -> None:
        self._deletions = deletions
        self._stopping = stopping

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether a shard may have more. Raises
        `StorageUnavailable` when nothing can be found out."""
        more = False
        for partition in keys.DUE_DELETIONS.partitions:
            hits = self._deletions.due(partition, BATCH)
            done = [self._carried_on(hit) for hit in hits if not self._stopping()]
            more |= len(hits) == BATCH and any(done)
        return more

    def _carried_on(self, hit: IndexHit) -> bool:
        """One that cannot be carried on must not stop the others. What passes by itself is tried
        with the next attempt; one that is damaged is postponed."""
        try:
            return self._deletions.carry_on(hit.key)
        except (Unavailable, RateLimited) as error:
            log.warning("transcript_not_deleted_yet", item=str(hit.key), reason=error.code)
            return False
        except Exception:
            log.exception("transcript_not_deleted_yet", item=str(hit.key))
        try:
            self._deletions.postpone(hit)
        except StorageUnavailable as error:
            log.warning("transcript_deletion_not_postponed", item=str(hit.key), reason=error.code)
        return False
