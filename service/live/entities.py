"""A live session: what may be requested, how it can end, and what may go wrong. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from service.core.errors import Conflict, Forbidden, RateLimited, Unauthenticated, Unavailable
from service.core.principal import Principal
from service.jobs.entities import Failure, Job, ProviderBusy, ProviderUnavailable
from service.jobs.work import FailureText
from service.ledger.entities import EXAMPLE_JOB
from service.providers.base import RejectionReason
from service.providers.speech import Encoding

STREAM_PATH = "/transcriptions/stream"
STREAM_PROTOCOL = "farebox.live.v1"
SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
DEFAULT_RATE = 16000
ENGLISH, SEVERAL = "en", "multi"
LANGUAGES = (ENGLISH, SEVERAL)
# A session's length that a vendor's token can be bound to, in seconds.
MIN_BLOCK, MAX_BLOCK = 60, 10_800
# Less than this is not worth a session, nor its extension.
MIN_SECONDS = 15


class LiveFailure(StrEnum):
    """Why a session ended without being charged, beyond what can happen to any job."""

    NOTHING_RELAYED = "NOTHING_RELAYED"
    SESSION_BROKE_OFF = "SESSION_BROKE_OFF"


class Via(StrEnum):
    """Who takes a session's audio."""

    RELAY = "relay"
    VENDOR = "vendor"


class VendorTokensOff(Forbidden):
    code = "VENDOR_TOKENS_OFF"
    summary = "Sessions go through the relay here. Nothing was charged."
    advice = "Leave out `via`. For operators: `LIVE_VENDOR_TOKENS` allows it."


class BlockEnded(Conflict):
    """The key's block was charged and its token has expired, or none was ever issued for it."""

    code = "BLOCK_ENDED"
    summary = "This request's block of time has no token that still opens a session."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = (
        "`GET /jobs/{jobId}` says whether it was charged. For another block, send another "
        "`Idempotency-Key`."
    )


class TicketInvalid(Unauthenticated):
    code = "TICKET_INVALID"
    summary = "This ticket is not valid, or has expired. Get a new one."
    advice = "`POST /transcriptions/stream` returns a ticket for one session."


class TicketUsed(Unauthenticated):
    code = "TICKET_USED"
    summary = "This ticket has been used. Get a new one."
    advice = "`POST /transcriptions/stream` returns a ticket for one session."


class TooManySessions(RateLimited):
    code = "TOO_MANY_SESSIONS"
    summary = "Too many of your live sessions are open at once. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 3}
    retry_after = 5


class LiveSaturated(Unavailable):
    code = "LIVE_SATURATED"
    summary = "Too many live sessions are open. Nothing was charged; try again shortly."
    retry_after = 5


SOCKET_ERRORS = (TicketInvalid, TicketUsed, TooManySessions, LiveSaturated)
"""What only a socket says, and therefore no response of the HTTP API."""


class Ending(StrEnum):
    """Why a session ended, as its client learns it and its result keeps it."""

    FINISHED = "finished"
    CLIENT_GONE = "client_gone"
    RESTART = "restart"
    BAD_MESSAGE = "bad_message"
    CREDITS_ENDED = "credits_ended"
    EXTENSION_REFUSED = "extension_refused"
    NO_AUDIO = "no_audio"
    NO_SPEECH = "no_speech"
    SLOW_CLIENT = "slow_client"
    TOO_LONG = "too_long"
    VENDOR_FAULT = "vendor_fault"
    NOT_EXTENDED = "not_extended"
    TOO_FAST = "too_fast"
    TOO_MANY_FRAMES = "too_many_frames"


@dataclass(frozen=True)
class Close:
    """How a socket is closed: its code (RFC 6455, 7.4), and what it means."""

    code: int
    meaning: str


CLOSES: Mapping[Ending, Close] = {
    Ending.FINISHED: Close(1000, "The client said `finish`."),
    Ending.CLIENT_GONE: Close(1000, "The client closed the socket, or is gone."),
    Ending.RESTART: Close(1012, "The service restarts: get a new ticket and connect again."),
    Ending.BAD_MESSAGE: Close(4400, "The client sent what is neither audio nor `finish`."),
    Ending.CREDITS_ENDED: Close(4402, "There are no credits for more."),
    Ending.EXTENSION_REFUSED: Close(4403, "The account or its limits allow no more."),
    Ending.NO_AUDIO: Close(4408, "Audio came more slowly than it is spoken, or none."),
    Ending.NO_SPEECH: Close(4410, "No one spoke for too long."),
    Ending.SLOW_CLIENT: Close(4409, "The client did not read what it was sent."),
    Ending.TOO_LONG: Close(4413, "The session was as long as one may be: connect again."),
    Ending.TOO_FAST: Close(4414, "Audio came faster than the provider takes it: connect again."),
    Ending.TOO_MANY_FRAMES: Close(4415, "The client sent too many small frames."),
    Ending.VENDOR_FAULT: Close(4502, "The provider broke off: connect again."),
    Ending.NOT_EXTENDED: Close(4503, "The session could not be extended in time: connect again."),
}
# Before a session has begun: no ticket, no credits, another refusal, too many, not now.
REFUSED_TICKET, REFUSED_CREDITS, REFUSED = 4401, 4402, 4403
REFUSED_TOO_MANY, REFUSED_NOW = 4429, 4503


@dataclass(frozen=True)
class LiveBody:
    """What a client requests. `slice_seconds` is what is held at first: chosen by the balance where
    it is 0."""

    sample_rate: int = DEFAULT_RATE
    encoding: Encoding = Encoding.PCM_S16LE
    language: str = ENGLISH
    slice_seconds: int = 0

    @property
    def facts(self) -> tuple[str, ...]:
        return (str(self.sample_rate), self.encoding.value, self.language)

    @property
    def bytes_per_second(self) -> int:
        return self.sample_rate * self.encoding.sample_bytes

    def lasting(self, seconds: int) -> "LiveBody":
        return replace(self, slice_seconds=seconds)


@dataclass(frozen=True)
class NewSession:
    """A request for one session, from one device of one user."""

    principal: Principal
    fingerprint: str
    body: LiveBody
    request_id: str = ""


@dataclass(frozen=True)
class OpenSession:
    """A session whose first slice is held: its job, and until when (monotonic seconds) audio may be
    relayed by it. `seconds` is how long all that is held lasts, `caller` who began it."""

    job: Job
    body: LiveBody
    seconds: int
    until: float
    caller: Principal


FAILURES: Mapping[str, FailureText] = {
    LiveFailure.NOTHING_RELAYED: FailureText(
        "The session ended before a second of audio was relayed. Nothing was charged."
    ),
    LiveFailure.SESSION_BROKE_OFF: FailureText(
        "The provider broke off before it transcribed anything. Nothing was charged."
    ),
    Failure.PROVIDER_BUSY: FailureText(ProviderBusy.summary, ProviderBusy),
    Failure.PROVIDER_UNAVAILABLE: FailureText(ProviderUnavailable.summary, ProviderUnavailable),
    Failure.INTERRUPTED: FailureText(
        "The session was interrupted, and nothing of it was stored. Nothing was charged."
    ),
}


BLOCK_FAILURES: Mapping[str, FailureText] = {
    Failure.PROVIDER_BUSY: FAILURES[Failure.PROVIDER_BUSY],
    Failure.PROVIDER_UNAVAILABLE: FAILURES[Failure.PROVIDER_UNAVAILABLE],
    Failure.INTERRUPTED: FailureText(
        "It was interrupted on our side before its token was handed out. Nothing was charged.",
        BlockEnded,
    ),
}


def has_transcript(job: Job) -> bool:
    """Of what is not charged there is one only if something was said."""
    result = job.result or {}
    return bool(result) and (job.failure is None or bool(result.get("words")))


def failure_of(reason: RejectionReason) -> str:
    """The failure of a session that the vendor did not begin."""
    is_busy = reason is RejectionReason.BUSY
    return Failure.PROVIDER_BUSY if is_busy else Failure.PROVIDER_UNAVAILABLE
