"""The interface of every provider of asynchronous work: create a task once, query it as often as
needed.

Results are either certain (`Accepted`, `Rejected`, `NotFound`) or not (`Indeterminate`). An
implementation returns `Indeterminate` whenever it cannot prove a certain result."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from service.core.amounts import Micros
from service.storage.codec import Value


class TaskStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RejectionReason(StrEnum):
    """Why a provider declined for certain. `CONTEXT`: the request is longer than what the model
    takes. `LANGUAGE`: the provider does not offer what was requested in that language."""

    IMAGE = "image"
    AUDIO = "audio"
    LANGUAGE = "language"
    CONTENT = "content"
    CONTEXT = "context"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Task:
    """A provider's task as it reports it. `facts` is the whitelisted, bounded part of its data that
    may be stored and shown; `result_url` is unchecked; `reason` is the provider's own text, for the
    log only. `rejection` is why a failed task failed, where the user's request is the reason.
    `units` is what it cost in the provider's own units, in millionths, where the provider reports
    it. `document` is what was delivered where that is no link, unchecked."""

    task_id: str
    status: TaskStatus
    facts: Mapping[str, Value] = field(default_factory=dict)
    result_url: str | None = None
    reason: str = ""
    rejection: RejectionReason | None = None
    units: Micros | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Accepted:
    task: Task


@dataclass(frozen=True)
class Rejected:
    """Definitely not accepted, or definitely never sent."""

    reason: RejectionReason


@dataclass(frozen=True)
class Found:
    task: Task


@dataclass(frozen=True)
class NotFound:
    """The provider has confirmed that it has no such task."""


@dataclass(frozen=True)
class Indeterminate:
    """No response, or one that proves nothing."""


@dataclass(frozen=True)
class Broadcast:
    """What a channel shows or has shown, as its vendor describes it. Texts are a streamer's own:
    bounded, on one line each, and never trusted. `started_at` is in epoch milliseconds; `seconds`
    is the length of a recording. `is_live`: it is still on the air."""

    channel: str
    title: str
    url: str
    started_at: int | None = None
    seconds: int | None = None
    video_id: str | None = None
    is_live: bool = False


@dataclass(frozen=True)
class FoundBroadcast:
    broadcast: Broadcast


Created = Accepted | Rejected | Indeterminate
TaskLookup = Found | NotFound | Indeterminate
BroadcastLookup = FoundBroadcast | NotFound | Rejected | Indeterminate


@dataclass(frozen=True)
class VideoRequest:
    """What a job requests. `job_id` is the id the provider is given for it, so that it can be found
    again."""

    job_id: str
    image: str
    prompt: str
    callback_url: str | None


@dataclass(frozen=True)
class TranscriptionRequest:
    """What a job requests. The vendor transcribes the first `max_seconds` of the audio at that
    address. Without a `language` it detects it. `callback_url` is an address of ours that is unique
    to the job, so that it can be found again."""

    job_id: str
    audio_url: str
    max_seconds: int
    callback_url: str
    language: str | None = None
    speaker_labels: bool = False


@dataclass(frozen=True)
class SoughtJob:
    """What a job is found by at a vendor that does not know our ids: when it was sent (epoch
    milliseconds), and the digest of its audio's address, as `audio_digest` makes it (None: it was
    sent an address that is not known any more). `is_link`: the address was signed for this one
    request, and the digest is that of `link_digest`."""

    job_id: str
    sent_from: int
    sent_until: int
    audio_digest: str | None
    is_link: bool = False

    def is_its_audio(self, audio_url: str) -> bool:
        """Whether an address as the vendor shows it may be that of the job's audio."""
        digest = link_digest(audio_url) if self.is_link else audio_digest(audio_url)
        return digest == self.audio_digest


@dataclass(frozen=True)
class SoughtBroadcast:
    """A recording by the vendor's `video_id`, or without one what `channel` shows: its name as in
    its address. `job_id` is for our logs."""

    job_id: str
    channel: str = ""
    video_id: str = ""


@dataclass(frozen=True)
class CallbackEvent:
    """The content of a verified callback. None of it is trusted: it only makes us query the
    task."""

    final: bool


class Provider(Protocol):
    """A vendor of asynchronous work."""

    name: str

    def create(self, request: VideoRequest, until: float) -> Created:
        """Sends the request once, or again after proof that it was not taken, never after an
        ambiguous send. Ends by the monotonic time `until`."""
        ...

    def fetch_task(self, task_id: str | None, job_id: str) -> TaskLookup:
        """The task by its own id, or by ours when that is not known."""
        ...

    def show(self, facts: Mapping[str, Value], job_id: str) -> Mapping[str, object]:
        """Stored facts in the provider's own shape, for the client."""
        ...

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        """What a callback says, or None when its signature does not hold or it is not a
        callback."""
        ...


class TranscriptionProvider(Protocol):
    """A vendor that transcribes recordings. Its methods promise what those of `Provider` do."""

    name: str

    def create(self, request: TranscriptionRequest, until: float) -> Created: ...

    def fetch_task(self, task_id: str | None, job: SoughtJob) -> TaskLookup: ...

    def delete(self, task_id: str) -> bool:
        """Deletes what the vendor keeps of a task. Returns whether it is gone for certain; a task
        that is not there is."""
        ...

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None: ...


class BroadcastProvider(Protocol):
    """A vendor that knows what channels broadcast."""

    name: str

    def find(self, sought: SoughtBroadcast, until: float) -> BroadcastLookup:
        """The broadcast, for certain absent or refused, or not to be learnt. Only reads, and may be
        repeated. Ends by the monotonic time `until`, whatever the vendor's limits say."""
        ...


def audio_digest(audio_url: str) -> str:
    """22 hexadecimal digits of SHA-256."""
    return hashlib.sha256(audio_url.encode()).hexdigest()[:22]


def link_digest(audio_url: str) -> str:
    """The digest of an address without its query, in which a signature stands that is another each
    time."""
    return audio_digest(audio_url.partition("?")[0])
