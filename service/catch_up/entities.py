"""A request for a catch-up, what may go wrong with it, and the catch-up itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol

from service.catalog.entities import LIVE_TRANSCRIPTION, TRANSCRIPTION
from service.core.errors import BadGateway, InvalidRequest, NotFound, RateLimited, Unavailable
from service.core.principal import Principal
from service.jobs.entities import ContentRejected, Failure, ProviderBusy, ProviderUnavailable
from service.jobs.work import FailureText
from service.ledger.entities import EXAMPLE_JOB
from service.providers.base import Broadcast
from service.transcription.entities import AudioRejected, NoTranscript

CATCH_UP = "farebox:catch-up"
# What transcripts are the results of.
TRANSCRIPT_OPERATIONS = frozenset({TRANSCRIPTION, LIVE_TRANSCRIPTION})
# Ten hours of speech, as much as is transcribed at once, are about 30 parts.
MAX_PARTS = 48
MAX_SINCE_SECONDS = 7 * 24 * 3600


class CatchUpFailure(StrEnum):
    """Why a catch-up's job ended without being charged, beyond what can happen to any job."""

    BROADCAST_NOT_FOUND = "BROADCAST_NOT_FOUND"
    CONTENT_REJECTED = "CONTENT_REJECTED"
    SUMMARY_UNUSABLE = "SUMMARY_UNUSABLE"
    CATCH_UP_BROKE_OFF = "CATCH_UP_BROKE_OFF"
    AUDIO_REJECTED = "AUDIO_REJECTED"
    NO_TRANSCRIPT = "NO_TRANSCRIPT"
    TRANSCRIPT_TOO_LONG = "TRANSCRIPT_TOO_LONG"


class BroadcastUnnamed(InvalidRequest):
    code = "BROADCAST_UNNAMED"
    summary = "Send either `channel` or `videoId`."


class WordsNamedTwice(InvalidRequest):
    code = "WORDS_NAMED_TWICE"
    summary = "Send either `transcriptId` or `uploadId`."


class DurationUnknown(InvalidRequest):
    """What a recording may cost is held before it is transcribed."""

    code = "DURATION_UNKNOWN"
    summary = "This file does not say how long it is. Nothing was charged."
    advice = "Send `maxMinutes`: no more than that is transcribed, and its price is held."


class TranscriptTooLong(InvalidRequest):
    code = "TRANSCRIPT_TOO_LONG"
    summary = "This transcript is too long for one catch-up. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"parts": 60, "limit": MAX_PARTS}
    advice = "Send `since`: only what was said from that second on is summarized."


class BroadcastNotFound(NotFound):
    """Recordings vanish: most channels keep theirs for 7 days."""

    code = CatchUpFailure.BROADCAST_NOT_FOUND.value
    summary = "Twitch has no such channel or video, or has it no longer. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


class SummaryUnusable(BadGateway):
    """What the model wrote names no time at which anything was said."""

    code = CatchUpFailure.SUMMARY_UNUSABLE.value
    summary = "The model wrote no usable summary. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = "Send the request again, with another `Idempotency-Key` if you sent one."


class CatchUpBrokeOff(BadGateway):
    """A vendor's fault, or our own time limit, before all of it was written."""

    code = CatchUpFailure.CATCH_UP_BROKE_OFF.value
    summary = "The catch-up broke off before it was whole. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = "Send the request again, with another `Idempotency-Key` if you sent one."


class CatchUpsSaturated(Unavailable):
    """Everybody's catch-ups of this process. Nothing was written, and an idempotency key stays
    free."""

    code = "CATCH_UPS_SATURATED"
    summary = "Too many catch-ups are being written at once. Nothing was charged."
    retry_after = 10


class TooManyCatchUps(RateLimited):
    """One user's catch-ups of this process. Nothing was written, and an idempotency key stays
    free."""

    code = "TOO_MANY_CATCH_UPS"
    summary = "Too many of your catch-ups are being written at once. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 2}
    retry_after = 10


FAILURES: Mapping[str, FailureText] = {
    CatchUpFailure.BROADCAST_NOT_FOUND: FailureText(BroadcastNotFound.summary, BroadcastNotFound),
    CatchUpFailure.CONTENT_REJECTED: FailureText(ContentRejected.summary, ContentRejected),
    CatchUpFailure.SUMMARY_UNUSABLE: FailureText(SummaryUnusable.summary, SummaryUnusable),
    CatchUpFailure.CATCH_UP_BROKE_OFF: FailureText(CatchUpBrokeOff.summary, CatchUpBrokeOff),
    CatchUpFailure.AUDIO_REJECTED: FailureText(AudioRejected.summary, AudioRejected),
    CatchUpFailure.NO_TRANSCRIPT: FailureText(
        "Nothing is said in the recording. Nothing was charged.", NoTranscript
    ),
    CatchUpFailure.TRANSCRIPT_TOO_LONG: FailureText(TranscriptTooLong.summary, TranscriptTooLong),
    Failure.PROVIDER_BUSY: FailureText(ProviderBusy.summary, ProviderBusy),
    Failure.PROVIDER_UNAVAILABLE: FailureText(ProviderUnavailable.summary, ProviderUnavailable),
    Failure.GENERATION_FAILED: FailureText("The provider could not write it. Nothing was charged."),
    Failure.INTERRUPTED: FailureText(
        "The catch-up was interrupted on our side. Nothing was charged; if it comes to light, it "
        "is free."
    ),
    Failure.CANCELLED: FailureText("It was cancelled before it was whole. Nothing was charged."),
}


@dataclass(frozen=True)
class Line:
    """What was said from that second of the recording on, for a few seconds, as data: bounded, on
    one line, and without anything that our prompts mark their own parts with."""

    at: int
    text: str = field(repr=False)


@dataclass(frozen=True)
class Part:
    """As many lines as one step summarizes. Never empty."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Point:
    """One thing that happened, and the second at which the transcript says so."""

    at: int
    text: str = field(repr=False)


@dataclass(frozen=True)
class Summary:
    """What is delivered."""

    broadcast: Broadcast
    points: tuple[Point, ...]


class Words(Protocol):
    """A user's transcript, read when it is first needed, and once."""

    def parts(self) -> tuple[Part, ...]:
        """What was said, in parts. Raises `JobNotFound`, `NoTranscript`, `TranscriptTooLong`, and
        what the store of results raises."""
        ...


@dataclass(frozen=True)
class Recording:
    """An upload of that user, to be transcribed: all of it, or its first `max_minutes` (0: no limit
    was requested)."""

    owner: str
    upload_id: str
    max_minutes: int


class Length(Protocol):
    """How long a recording is, found when it is first needed, and once."""

    def seconds(self) -> int:
        """Raises what `Recordings.seconds` raises."""
        ...


@dataclass(frozen=True)
class CatchUpBody:
    """What a client requests: what was said in that channel's broadcast or that video from that
    second of the transcript on. The words are those of a transcript, or of a `recording` of that
    `length`."""

    channel: str
    video_id: str
    since: int
    transcript_id: str
    words: Words = field(compare=False, repr=False)
    recording: Recording | None = None
    length: Length | None = field(default=None, compare=False, repr=False)

    @property
    def facts(self) -> tuple[str, ...]:
        """What must be the same for the same idempotency key."""
        named = (self.channel, self.video_id, str(self.since), self.transcript_id)
        if self.recording is None:
            return named
        return (*named, self.recording.upload_id, str(self.recording.max_minutes))


@dataclass(frozen=True)
class NewCatchUp:
    """A request for one catch-up, by one user from one device ("": unknown)."""

    principal: Principal
    fingerprint: str
    body: CatchUpBody
    idempotency_key: str | None = None
    request_id: str = ""
