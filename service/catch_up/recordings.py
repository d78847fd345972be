"""The first stage of a catch-up of an upload: its recording is transcribed within the same hold.

In a file of its own because what it uses is billed by another vendor than the other steps."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.catalog.pricing import Counter
from service.catch_up.entities import (
    CatchUpFailure,
    DurationUnknown,
    Part,
    Recording,
    TranscriptTooLong,
)
from service.catch_up.steps import Failed, Used
from service.catch_up.words import parts_from
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.jobs.entities import Failure, Job
from service.providers.base import (
    Accepted,
    Found,
    Rejected,
    RejectionReason,
    SoughtJob,
    Task,
    TaskStatus,
    TranscriptionProvider,
    TranscriptionRequest,
    link_digest,
)
from service.text.runs import Run
from service.text.verdicts import Stop
from service.transcription.entities import (
    MAX_MINUTES,
    NoTranscript,
    Transcript,
    UsageUnusable,
    billed_milliseconds,
    own_count,
    transcript_from,
)
from service.uploads.entities import UploadKind
from service.uploads.operations import Uploads

log = structlog.get_logger()

# Pauses grow with the age of the request, within these bounds. A process that ends leaves its calls
# ten seconds to settle: a pause must be over well before.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 4.0
DELETE_TRIES = 3


@dataclass(frozen=True)
class RecordingTimes:
    """How long the vendor may take to accept a recording; how long it takes to transcribe one is
    bounded by the catch-up's own limit."""

    create_seconds: float


class Recordings:
    """Reads how long uploads are, and has them transcribed, each once."""

    def __init__(
        self,
        vendor: TranscriptionProvider,
        uploads: Uploads,
        callback_url: Callable[[Job], str | None],
        clock: Clock,
        times: RecordingTimes,
    ) -> None:
        """`callback_url` is an address of the job's own, by which its transcript is found."""
        self._vendor = vendor
        self._uploads = uploads
        self._callback_url = callback_url
        self._clock = clock
        self._times = times

    def seconds(self, recording: Recording) -> int:
        """How many seconds of it are transcribed at most: as long as it says that it is, and no
        longer than was requested. Raises `DurationUnknown`, and what `Uploads.source` raises."""
        source = self._uploads.source(recording.owner, recording.upload_id, UploadKind.AUDIO)
        limits = [recording.max_minutes * 60] if recording.max_minutes else []
        if source.facts.milliseconds is not None:
            limits.append(-(-source.facts.milliseconds // 1000))
        if not limits:
            raise DurationUnknown
        return max(1, min(*limits, MAX_MINUTES * 60))

    def transcribed(
        self, run: Run, recording: Recording, seconds: int, since: int, max_parts: int, used: Used
    ) -> tuple[Part, ...]:
        """What is said in it from that second on; what it used is added to `used`. Raises
        `Failed`."""
        transcript = self._transcript(run, recording, seconds, used)
        try:
            parts = parts_from(transcript.words, since)
        except NoTranscript:
            raise Failed(CatchUpFailure.NO_TRANSCRIPT) from None
        except TranscriptTooLong:
            raise Failed(CatchUpFailure.TRANSCRIPT_TOO_LONG) from None
        if len(parts) > max_parts:
            raise Failed(CatchUpFailure.TRANSCRIPT_TOO_LONG)
        return parts

    def _transcript(self, run: Run, recording: Recording, seconds: int, used: Used) -> Transcript:
        sent_from = self._clock.now()
        source_url, task_id = self._created(run, recording, seconds, used)
        sought = SoughtJob(
            run.job.job_id, sent_from, self._clock.now(), link_digest(source_url), is_link=True
        )
        task = self._ended(run, task_id, sought)
        if task.status is TaskStatus.FAILED:
            used.usage[Counter.MILLISECONDS.value] = 0
            is_audio = task.rejection is RejectionReason.AUDIO
            failure = CatchUpFailure.AUDIO_REJECTED if is_audio else Failure.GENERATION_FAILED
            raise Failed(failure)
        try:
            transcript = transcript_from(task.document)
        except ValueError:
            raise Failed(Failure.GENERATION_FAILED) from None
        finally:
            self._delete(run.job, task.task_id)
        _count(task, seconds, transcript, used)
        return transcript

    def _created(
        self, run: Run, recording: Recording, seconds: int, used: Used
    ) -> tuple[str, str | None]:
        """The link that was sent, and the id of what it became (None: not known)."""
        job, callback_url = run.job, self._callback_url(run.job)
        try:
            source = self._uploads.source(recording.owner, recording.upload_id, UploadKind.AUDIO)
        except FareboxError as error:
            log.warning("upload_not_read", job_id=job.job_id, reason=error.code)
            raise Failed(Failure.PROVIDER_UNAVAILABLE) from None
        if callback_url is None:
            raise Failed(Failure.PROVIDER_UNAVAILABLE)
        request = TranscriptionRequest(job.job_id, source.url, seconds, callback_url)
        until = min(run.until, self._clock.monotonic() + self._times.create_seconds)
        created = self._vendor.create(request, until)
        if isinstance(created, Rejected):
            raise Failed(_failure_of(created.reason))
        # From here on it may be billed, all of it, until its end says something else.
        used.is_sent = True
        used.usage[Counter.MILLISECONDS.value] = seconds * 1000
        return source.url, created.task.task_id if isinstance(created, Accepted) else None

    def _ended(self, run: Run, task_id: str | None, sought: SoughtJob) -> Task:
        """The task once it has ended. One that is not found may yet come to be."""
        began = self._clock.monotonic()
        while True:
            if run.stop is not None:
                is_cancelled = run.stop is Stop.CANCELLED
                raise Failed(
                    Failure.CANCELLED if is_cancelled else CatchUpFailure.CATCH_UP_BROKE_OFF
                )
            lookup = self._vendor.fetch_task(task_id, sought)
            if isinstance(lookup, Found):
                task_id = lookup.task.task_id
                if lookup.task.status is not TaskStatus.RUNNING:
                    return lookup.task
            age = self._clock.monotonic() - began
            pause = min(max(age / 8, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS)
            if self._clock.monotonic() + pause >= run.until:
                raise Failed(CatchUpFailure.CATCH_UP_BROKE_OFF)
            self._clock.sleep(pause)

    def _delete(self, job: Job, task_id: str) -> None:
        """Nothing needs the vendor's copy any more."""
        try:
            if any(self._vendor.delete(task_id) for _ in range(DELETE_TRIES)):
                return
        except Exception:
            log.exception("transcript_not_deleted", job_id=job.job_id, transcript_id=task_id)
            return
        log.error("transcript_not_deleted", job_id=job.job_id, transcript_id=task_id)


def _count(task: Task, seconds: int, transcript: Transcript, used: Used) -> None:
    """As of any transcription: the vendor's report, if it is possible, else our own count."""
    try:
        count = billed_milliseconds(task.facts.get("audioSeconds"), seconds, transcript)
    except UsageUnusable:
        count, used.fault = None, used.fault or "charge_unusable"
    if count is None:
        count, used.estimated = own_count(seconds, transcript), True
    used.usage[Counter.MILLISECONDS.value] = count


def _failure_of(reason: RejectionReason) -> str:
    if reason is RejectionReason.AUDIO:
        return CatchUpFailure.AUDIO_REJECTED
    return Failure.PROVIDER_BUSY if reason is RejectionReason.BUSY else Failure.PROVIDER_UNAVAILABLE
