"""The verbs on transcripts: request one, read one, delete one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.catalog.entities import LIVE_TRANSCRIPTION, TRANSCRIPTION
from service.jobs.entities import Job, JobNotFound, JobRequest
from service.jobs.operations import Jobs, Submission
from service.results.operations import Results
from service.transcription.deletions import Deletions
from service.transcription.entities import NewTranscription, Transcript, transcript_of

ROUTE = "POST /transcriptions"


@dataclass(frozen=True)
class Transcription:
    """A job, and what it has delivered (None: nothing yet, nothing at all, or it was removed)."""

    job: Job
    transcript: Transcript | None


class Transcriptions:
    """Transcribes recordings."""

    def __init__(self, jobs: Jobs, results: Results, deletions: Deletions) -> None:
        self._jobs = jobs
        self._results = results
        self._deletions = deletions

    def create(self, requested: NewTranscription) -> Submission:
        """Submits a job for the transcript. Raises `AudioUrlRefused` before anything is written,
        and what `Jobs.submit` raises, `AudioRejected` among it."""
        body = requested.body
        return self._jobs.submit(
            JobRequest(
                actor=requested.principal,
                operation=TRANSCRIPTION,
                route=ROUTE,
                fingerprint=requested.fingerprint,
                body=body,
                body_facts=(
                    body.audio_url,
                    str(body.max_minutes),
                    body.language or "",
                    str(body.speaker_labels),
                ),
                idempotency_key=requested.idempotency_key,
                request_id=requested.request_id,
            )
        )

    def get(self, user_id: str, job_id: str) -> Transcription:
        """Raises `JobNotFound`, for another user's transcription and for a job of another kind
        exactly as for one that does not exist; `StorageUnavailable`, `DataKeyUnavailable` and
        `DataUnreadable`."""
        job = self._job(user_id, job_id)
        result = self._results.read(job.payer, job_id) if job.result else None
        content: Mapping[str, Any] | None = result.content if result else None
        return Transcription(job, transcript_of(content) if content is not None else None)

    def delete(self, user_id: str, job_id: str) -> None:
        """Deletes a transcript, here at once and at the vendor soon; the job and what it cost stay.
        Again without effect. Raises `JobNotFound` as `get` does, `TranscriptionNotEnded`,
        `StorageUnavailable` and `DataUnreadable`."""
        self._deletions.begin(self._job(user_id, job_id))

    def _job(self, user_id: str, job_id: str) -> Job:
        job = self._jobs.get(user_id, job_id)
        if job.operation not in (TRANSCRIPTION, LIVE_TRANSCRIPTION):
            raise JobNotFound
        return job
