"""The interface of vendors that transcribe speech while it is spoken. All of it runs in one event
loop."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from service.providers.base import Rejected, RejectionReason


class Encoding(StrEnum):
    """How audio is sent: mono, without a container."""

    PCM_S16LE = "pcm_s16le"
    PCM_MULAW = "pcm_mulaw"

    @property
    def sample_bytes(self) -> int:
        return 2 if self is Encoding.PCM_S16LE else 1


@dataclass(frozen=True)
class SpeechRequest:
    """One session of a job. `language` "" is for the model that knows several; `idle_seconds` is
    after how much silence of ours the vendor ends it."""

    job_id: str
    sample_rate: int
    encoding: Encoding
    language: str
    idle_seconds: int

    @property
    def bytes_per_second(self) -> int:
        return self.sample_rate * self.encoding.sample_bytes


@dataclass(frozen=True)
class SpokenWord:
    """When a word is spoken, in milliseconds of the session's audio."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Utterance:
    """What one utterance of the speaker is so far. A later one of the same number replaces it;
    `is_final`: it has ended."""

    number: int
    text: str = field(repr=False)
    words: tuple[SpokenWord, ...] = field(repr=False)
    is_final: bool


@dataclass(frozen=True)
class Ended:
    """The vendor's own end of a session: how many whole seconds of audio it had, and how many it
    lasted (None: it does not say, or nothing that can be)."""

    audio_seconds: int | None
    session_seconds: int | None


@dataclass(frozen=True)
class BrokenOff:
    """A session that broke off by the vendor's fault, or, `is_too_fast`, because audio was sent
    faster than the vendor takes it; `fault` names it."""

    fault: str
    is_too_fast: bool = False


SpeechEvent = Utterance | Ended | BrokenOff


class SpeechRefused(Exception):
    """The vendor did not begin the session."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class SpeechStream(Protocol):
    """One session that has begun."""

    async def send(self, audio: bytes) -> None:
        """Hands over audio; waits while the vendor takes it more slowly. After the session's end
        without effect."""
        ...

    async def finish(self) -> None:
        """Says that no more audio comes: what is left of the transcript follows, then `Ended`."""
        ...

    def events(self) -> AsyncIterator[SpeechEvent]:
        """What the vendor says, the last of it `Ended` or `BrokenOff`."""
        ...

    async def close(self) -> None:
        """Ends the connection at once, whatever is left; again without effect."""
        ...


class SpeechProvider(Protocol):
    """A vendor of sessions. `model_of` names the model that a language is transcribed by."""

    name: str

    def model_of(self, language: str) -> str: ...

    async def open(self, request: SpeechRequest) -> SpeechStream:
        """Begins a session, once. Raises `SpeechRefused`; then no session goes on."""
        ...


@dataclass(frozen=True)
class TokenRequest:
    """A token with which the holder opens one session of a job by itself: within
    `redeem_seconds`, for at most `session_seconds`."""

    job_id: str
    redeem_seconds: int
    session_seconds: int


@dataclass(frozen=True)
class SpeechToken:
    """What opens one session. `redeem_seconds` is for how long, as the vendor says."""

    text: str = field(repr=False)
    redeem_seconds: int


class SpeechTokens(Protocol):
    """A vendor that issues such tokens. All of it blocks."""

    name: str

    def issue(self, request: TokenRequest, until: float) -> SpeechToken | Rejected:
        """Requests a token once, by the monotonic time `until`. `Rejected` also where no usable
        response came: then no one has a token, and the vendor bills sessions, not tokens."""
        ...

    def address(self, sample_rate: int, encoding: Encoding, language: str) -> str:
        """Where the holder opens its session, without the token."""
        ...
