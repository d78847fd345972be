"""Deleting one transcript: its content here, and the vendor's copy.

In a file of its own because the worker carries on what a route only begins."""

from collections.abc import Callable, Sequence

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.jobs.entities import Job
from service.jobs.operations import Jobs
from service.providers.base import TranscriptionProvider
from service.results.operations import Results
from service.storage.keys import Key
from service.storage.table import ConditionFailed, IndexHit, Table
from service.transcription import store
from service.transcription.entities import Deletion, TranscriptionNotEnded

log = structlog.get_logger()

POSTPONE_MILLISECONDS = 15 * 60_000

# Removes what else is stored of the content of a job, by payer and job id; again without effect.
Removal = Callable[[str, str], None]


class Deletions:
    """Deletes transcripts whose users no longer want them. Every method raises
    `StorageUnavailable`."""

    def __init__(
        self,
        table: Table,
        jobs: Jobs,
        results: Results,
        vendor: TranscriptionProvider,
        clock: Clock,
        metrics: Metrics,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._jobs = jobs
        self._results = results
        self._vendor = vendor
        self._clock = clock
        self._metrics = metrics
        self._mac_key = mac_key
        self._removals: list[Removal] = []

    def register(self, removal: Removal) -> None:
        """For a feature that is built later and stores more of a transcript."""
        self._removals.append(removal)

    def begin(self, job: Job) -> None:
        """Removes what the job has delivered; what is left of it elsewhere is deleted soon. First
        that is recorded: whoever dies in between has the worker do all of it. Again without effect.
        Raises `TranscriptionNotEnded`, and what `Results.erase_content` raises."""
        if job.is_open or job.watch_until is not None:
            raise TranscriptionNotEnded(details={"status": job.status.value})
        now = self._clock.now()
        deletion = Deletion(job.payer, job.job_id, now, due_at=now).sealed(self._mac_key)
        try:
            self._table.write(store.request_write(deletion))
        except ConditionFailed:
            log.info("transcript_deletion_under_way", job_id=job.job_id)
        self._results.erase_content(job.payer, job.job_id)

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        return store.read_due(self._table, partition, self._clock.now(), limit)

    def carry_on(self, key: Key) -> bool:
        """Deletes everything that is left of a transcript whose deletion is due. Returns whether it
        is done: the vendor may have to be called again. Another process that is at it is left
        alone.

        Raises `ValueError` for a deletion that this service did not write so, `JobNotFound`, and
        what the store of results raises."""
        item = self._table.get(key)
        deletion = store.deletion_from(item) if item else None
        now = self._clock.now()
        if deletion is None or deletion.due_at > now:
            return False
        self._metrics.gauge(Metric.ERASURE_AGE_SECONDS, deletion.age_milliseconds(now) / 1000)
        if not deletion.is_sealed(self._mac_key):
            self._metrics.count(Metric.LEDGER_DAMAGED)
            raise ValueError(f"{key} is not as this service wrote it")
        try:
            self._table.write(store.claim_write(deletion, deletion.claimed(now)))
        except ConditionFailed:
            return False
        if not self._removed(deletion):
            log.warning("transcript_left_at_vendor", job_id=deletion.job_id)
            return False
        self._table.write(store.removal(key))
        return True

    def _removed(self, deletion: Deletion) -> bool:
        job = self._jobs.get(deletion.user_id, deletion.job_id)
        self._results.erase_content(job.payer, job.job_id)
        for remove in self._removals:
            remove(job.payer, job.job_id)
        return job.task_id is None or self._vendor.delete(job.task_id)

    def postpone(self, hit: IndexHit) -> None:
        """Moves the next attempt at one that cannot be carried on."""
        later = self._clock.now() + POSTPONE_MILLISECONDS
        try:
            self._table.write(store.postpone_write(hit, later))
        except ConditionFailed:
            return
