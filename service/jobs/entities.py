"""One metered request for AI work: its states, and the pure rules of how it ends (the money
protocol, sections 4 and 5).

Times are epoch milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlsplit

from service.core.errors import (
    FareboxError,
    InvalidRequest,
    NotFound,
    TooLarge,
    Unavailable,
    Unprocessable,
)
from service.ledger.entities import EXAMPLE_JOB
from service.ledger.lots import Allocation
from service.providers import base
from service.storage.codec import Value

MAX_RESULT_URL = 1024
RESULT_MILLISECONDS = 30 * 24 * 3600 * 1000
MAX_IMAGE_BYTES = 10 * 1024 * 1024


class JobStatus(StrEnum):
    SUBMITTING = "SUBMITTING"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


OPEN = (JobStatus.SUBMITTING, JobStatus.SUBMITTED)


class Failure(StrEnum):
    """Why a job ended without being charged."""

    IMAGE_REJECTED = "IMAGE_REJECTED"
    CONTENT_REJECTED = "CONTENT_REJECTED"
    PROVIDER_BUSY = "PROVIDER_BUSY"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    GENERATION_FAILED = "GENERATION_FAILED"
    PROVIDER_UNRESOLVED = "PROVIDER_UNRESOLVED"


RETRYABLE = (Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE)

MESSAGES = {
    Failure.IMAGE_REJECTED: "The provider cannot use this image. Nothing was charged.",
    Failure.CONTENT_REJECTED: "The provider's content policy does not allow this image. Nothing was charged.",
    Failure.PROVIDER_BUSY: "The provider is busy. Nothing was charged; try again shortly.",
    Failure.PROVIDER_UNAVAILABLE: "The provider cannot be used right now. Nothing was charged; try again later.",
    Failure.GENERATION_FAILED: "The provider could not make this video. Nothing was charged.",
    Failure.PROVIDER_UNRESOLVED: "The provider never said what became of this request. Nothing was charged; should the video "
    "still turn up, it is yours.",
}

FAILURE_OF_REJECTION = {
    base.RejectionReason.IMAGE: Failure.IMAGE_REJECTED,
    base.RejectionReason.CONTENT: Failure.CONTENT_REJECTED,
    base.RejectionReason.BUSY: Failure.PROVIDER_BUSY,
    base.RejectionReason.UNAVAILABLE: Failure.PROVIDER_UNAVAILABLE,
}


class ReleaseNotAllowed(Exception):
    """A job that has ended, or whose time has not run out: an operator is told so, and nothing
    happens."""


class JobNotFound(NotFound):
    code = "JOB_NOT_FOUND"
    summary = "There is no such job."


class ImageRejected(InvalidRequest):
    code = Failure.IMAGE_REJECTED.value
    summary = MESSAGES[Failure.IMAGE_REJECTED]
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


class ContentRejected(InvalidRequest):
    code = Failure.CONTENT_REJECTED.value
    summary = MESSAGES[Failure.CONTENT_REJECTED]
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


class ProviderBusy(Unavailable):
    code = Failure.PROVIDER_BUSY.value
    summary = MESSAGES[Failure.PROVIDER_BUSY]
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    retry_after = 5


class ProviderUnavailable(Unavailable):
    code = Failure.PROVIDER_UNAVAILABLE.value
    summary = MESSAGES[Failure.PROVIDER_UNAVAILABLE]
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    retry_after = 60


class ImageUnusable(InvalidRequest):
    """Neither an address nor a JPEG or PNG in base64."""

    code = "IMAGE_UNUSABLE"
    summary = "imageUrl must be an https address, or a JPEG or PNG as plain base64 (without a data: prefix)."


class ImageTooLarge(TooLarge):
    code = "IMAGE_TOO_LARGE"
    summary = "An image sent along may have at most 10 MB."


class IdempotencyKeyMalformed(InvalidRequest):
    code = "IDEMPOTENCY_KEY_MALFORMED"
    summary = "Idempotency-Key must be 1 to 128 visible ASCII characters."


class IdempotencyKeyReused(Unprocessable):
    code = "IDEMPOTENCY_KEY_REUSED"
    summary = "This Idempotency-Key was used with another request. Use a new key for a new request."


class CallbackRefused(NotFound):
    """Answers a forged token and a forged signature exactly like an address that does not exist."""

    code = "CALLBACK_NOT_FOUND"
    summary = "There is no such callback."


_REFUSALS: dict[Failure, type[FareboxError]] = {
    Failure.IMAGE_REJECTED: ImageRejected,
    Failure.CONTENT_REJECTED: ContentRejected,
    Failure.PROVIDER_BUSY: ProviderBusy,
    Failure.PROVIDER_UNAVAILABLE: ProviderUnavailable,
}


@dataclass(frozen=True)
class Job:
    """One job. `allocation` is what was held from which lots; `facts` the provider's data as far as
    it is kept; `due_at` when somebody has to look next (None: never); `watch_until` how long a job
    released as unresolved is watched further."""

    user_id: str
    job_id: str
    operation: str
    prompt_key: str
    price: int
    allocation: Allocation
    status: JobStatus
    created_at: int
    submit_until: int
    hard_at: int
    due_at: int | None
    image_hash: str = ""
    image_length: int = 0
    task_id: str | None = None
    facts: Mapping[str, Value] = field(default_factory=dict)
    not_found_at: int | None = None
    video_url: str | None = None
    video_expires_at: int | None = None
    failure: Failure | None = None
    watch_until: int | None = None
    house_loss: int = 0

    @property
    def location(self) -> str:
        return f"/jobs/{self.job_id}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def retryable(self) -> bool:
        """Whether a new job may take its place under the same key."""
        return self.failure in RETRYABLE

    def refusal(self) -> FareboxError | None:
        """What a POST answers for this job when it was turned down before it began; None for every
        other job."""
        kind = _REFUSALS.get(self.failure) if self.failure else None
        return kind(details={"jobId": self.job_id}, location=self.location) if kind else None


@dataclass(frozen=True)
class Times:
    """The protocol's times, in milliseconds."""

    submit: int
    quarantine: int
    not_found_gap: int
    hard_limit: int
    watch: int
    poll_min: int
    poll_max: int
    watch_poll: int


@dataclass(frozen=True)
class Record:
    """The provider has it: note its id."""

    task: base.Task


@dataclass(frozen=True)
class Capture:
    """The provider has delivered: charge, and hand over."""

    task: base.Task


@dataclass(frozen=True)
class Release:
    """It will not be delivered, or nobody can learn whether it was: give the credits back."""

    failure: Failure
    task: base.Task | None = None


@dataclass(frozen=True)
class DeliverUncharged:
    """Delivered after the credits went back: hand over without charge."""

    task: base.Task


@dataclass(frozen=True)
class StopMonitoring:
    """Nothing more is expected."""


@dataclass(frozen=True)
class Wait:
    """Nothing certain yet: look again at `due_at`. `alarm` names what an operator should hear
    of."""

    due_at: int
    not_found_at: int | None = None
    alarm: str = ""


@dataclass(frozen=True)
class Nothing:
    """The job has ended and stays as it is."""


@dataclass(frozen=True)
class Observation:
    """What the provider said, and between which moments it looked: not before `asked_at`, not after
    `answered_at`."""

    lookup: base.TaskLookup
    asked_at: int
    answered_at: int


Transition = Record | Capture | Release | DeliverUncharged | StopMonitoring | Wait | Nothing


def next_transition(job: Job, look: Observation, times: Times, plain_links: bool) -> Transition:
    """What one fresh look at the provider means for a job as it is stored. Pure, and the only place
    that decides."""
    match job.status:
        case JobStatus.SUBMITTING:
            return _resolve_submitting(job, look, times)
        case JobStatus.SUBMITTED:
            return _resolve_submitted(job, look.lookup, look.asked_at, times, plain_links)
        case JobStatus.FAILED:
            return _resolve_failed(job, look.lookup, look.asked_at, times, plain_links)
        case JobStatus.SUCCEEDED:
            return Nothing()


def _resolve_submitting(job: Job, look: Observation, times: Times) -> Transition:
    """Two not-founds are far enough apart when the first was answered long enough before the second
    was asked for."""
    lookup, now = look.lookup, look.asked_at
    if isinstance(lookup, base.Found):
        return Record(lookup.task)
    later = _next_due(job, now, times)
    if isinstance(lookup, base.Indeterminate):
        return Wait(later, job.not_found_at, _late(job, now))
    if now < job.submit_until:
        return Wait(job.submit_until)
    if now >= job.hard_at:
        return Release(Failure.PROVIDER_UNRESOLVED)
    first = look.answered_at if job.not_found_at is None else job.not_found_at
    releasable_at = max(first + times.not_found_gap, job.submit_until + times.quarantine)
    if job.not_found_at is not None and now >= releasable_at:
        return Release(Failure.PROVIDER_UNRESOLVED)
    return Wait(min(later, max(releasable_at, now + 1)), first)


def _resolve_submitted(
    job: Job, lookup: base.TaskLookup, now: int, times: Times, plain_links: bool
) -> Transition:
    wait = Wait(_next_due(job, now, times), job.not_found_at, _late(job, now))
    match lookup:
        case base.Found(task) if task.status is base.TaskStatus.SUCCEEDED:
            if deliverable(task.result_url, plain_links):
                return Capture(task)
            return Wait(wait.due_at, wait.not_found_at, "result_unusable")
        case base.Found(task) if task.status is base.TaskStatus.FAILED:
            return Release(Failure.GENERATION_FAILED, task)
        case base.Found() | base.NotFound() if now >= job.hard_at:
            return Release(Failure.PROVIDER_UNRESOLVED)
        case base.NotFound():
            return Wait(wait.due_at, wait.not_found_at, "task_not_found")
    return wait


def _resolve_failed(
    job: Job, lookup: base.TaskLookup, now: int, times: Times, plain_links: bool
) -> Transition:
    """A late success is given whatever the failure was; only a watched job is looked at again by
    itself."""
    task = lookup.task if isinstance(lookup, base.Found) else None
    if (
        task
        and task.status is base.TaskStatus.SUCCEEDED
        and deliverable(task.result_url, plain_links)
    ):
        return Nothing() if job.video_url else DeliverUncharged(task)
    if job.watch_until is None:
        return Nothing()
    if now >= job.watch_until or (task and task.status is base.TaskStatus.FAILED):
        return StopMonitoring()
    return Wait(min(now + times.watch_poll, job.watch_until))


def _next_due(job: Job, now: int, times: Times) -> int:
    """A quarter of the job's age later, within bounds, and not past the hard limit while that lies
    ahead."""
    interval = min(max((now - job.created_at) // 4, times.poll_min), times.poll_max)
    return min(now + interval, job.hard_at) if now < job.hard_at else now + interval


def _late(job: Job, now: int) -> str:
    return "past_hard_limit" if now >= job.hard_at else ""


def deliverable(url: str | None, plain_links: bool) -> bool:
    """Whether a result link may be given to a user: bounded, whole, https (plain http only where
    simulators are used). It is never fetched."""
    if (
        not url
        or len(url) > MAX_RESULT_URL
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        return False
    try:
        parts = urlsplit(url)
        schemes = ("https", "http") if plain_links else ("https",)
        return parts.scheme in schemes and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
