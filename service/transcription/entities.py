"""A request for a transcript, what may go wrong with it, and the transcript itself. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar

from service.core.errors import Conflict, InvalidRequest
from service.core.principal import Principal
from service.core.seals import holds, seal
from service.jobs.entities import Failure, ProviderBusy, ProviderUnavailable
from service.jobs.work import FailureText
from service.ledger.entities import EXAMPLE_JOB
from service.providers.base import RejectionReason

# AssemblyAI takes recordings of up to ten hours.
MAX_MINUTES = 600
DEFAULT_MINUTES = 60
_MIN_PAUSE_MILLISECONDS = 5_000
_MAX_PAUSE_MILLISECONDS = 15 * 60_000
MAX_WORDS = 250_000
_MAX_MILLISECONDS = 7 * 24 * 3600 * 1000
_MAX_SPEAKER = 16

_ENGLISH = "en en_au en_uk en_us"
# The codes that AssemblyAI takes, all of which Universal-2 knows
# (https://www.assemblyai.com/docs/concepts/supported-languages).
LANGUAGES: tuple[str, ...] = tuple(
    sorted(
        f"{_ENGLISH} af am ar as az ba be bg bn bo br bs ca cs cy da de el es et eu fa fi fo fr gl"
        " gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml"
        " mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te"
        " tg th tk tl tr tt uk ur uz vi yi yo zh".split()
    )
)
_OF_MODEL = {"universal-3-pro": frozenset(f"{_ENGLISH} de es fr it pt".split())}


@dataclass(frozen=True)
class TranscriptionBody:
    """What a client requests: the first `max_minutes` of the recording at that address, in one form
    (`in_lower_case`), or of that upload of `owner`. Without a `language` the vendor detects it."""

    audio_url: str
    max_minutes: int
    language: str | None = None
    speaker_labels: bool = False
    owner: str = ""

    @property
    def max_seconds(self) -> int:
        return self.max_minutes * 60


@dataclass(frozen=True)
class NewTranscription:
    """A request for one transcript, from one device of one user."""

    principal: Principal
    fingerprint: str
    body: TranscriptionBody
    idempotency_key: str | None = None
    request_id: str = ""


@dataclass(frozen=True)
class Word:
    """One word and when it is spoken, in milliseconds; `speaker` where speakers are labelled
    ("": they are not)."""

    start: int
    end: int
    text: str
    speaker: str = ""


@dataclass(frozen=True)
class Transcript:
    """What was said, which no log shows. `words` are None where they were too many to be kept."""

    text: str = field(repr=False)
    words: tuple[Word, ...] | None = field(repr=False)

    @property
    def end(self) -> int:
        """When the last word ends, in milliseconds: our own count of what was transcribed."""
        return max((word.end for word in self.words or ()), default=0)


class TranscriptionFailure(StrEnum):
    """Why a transcription's job ended without being charged, beyond what can happen to any job."""

    AUDIO_REJECTED = "AUDIO_REJECTED"
    LANGUAGE_NOT_OFFERED = "LANGUAGE_NOT_OFFERED"


class AudioRejected(InvalidRequest):
    code = TranscriptionFailure.AUDIO_REJECTED.value
    summary = "The provider cannot use this recording. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = (
        "The address must lead to audio or video with sound that can be downloaded without a "
        "sign-in, of at least 160 milliseconds."
    )


class LanguageNotOffered(InvalidRequest):
    code = TranscriptionFailure.LANGUAGE_NOT_OFFERED.value
    summary = (
        "The provider does not offer this language, or not together with speaker labels. Nothing "
        "was charged."
    )
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = "Leave out `language`, which is then detected, or `speakerLabels`."


class AudioUrlRefused(InvalidRequest):
    code = "AUDIO_URL_REFUSED"
    summary = (
        "audioUrl must be a finished upload, or a public https address: a full domain name on port "
        "443, without credentials."
    )


class NoTranscript(Conflict):
    code = "NO_TRANSCRIPT"
    summary = (
        "There is no transcript in this form: none was named, its job has not delivered one, or it "
        "was deleted."
    )
    details_example: ClassVar[Mapping[str, object]] = {"status": "SUBMITTED"}
    advice = (
        "`details.status` is the job's: wait for SUCCEEDED. A transcript of more words than "
        "anybody speaks is kept without them; it can be had as `json` and `text`. A catch-up needs "
        "the `transcriptId` of one in which something is said."
    )


class TranscriptionNotEnded(Conflict):
    code = "TRANSCRIPTION_NOT_ENDED"
    summary = (
        "A transcript can be deleted once its job has ended and nothing more of it can arrive."
    )
    details_example: ClassVar[Mapping[str, object]] = {"status": "SUBMITTED"}
    advice = (
        "Wait until the job has ended. One that is FAILED may still deliver for a day where its "
        "provider has not reported an outcome; try again then."
    )


@dataclass(frozen=True)
class Deletion:
    """A transcript that its user has deleted, as far as that is not done everywhere. `due_at` is
    the time of the next attempt; times are epoch milliseconds. `mac` covers what was requested."""

    user_id: str
    job_id: str
    requested_at: int
    due_at: int
    mac: str = ""

    def sealed(self, mac_key: bytes) -> "Deletion":
        return replace(self, mac=seal(self._facts(), mac_key))

    def is_sealed(self, mac_key: bytes) -> bool:
        """Whether this service wrote it so: nothing is deleted because a table editor wants it."""
        return holds(self.mac, self._facts(), mac_key)

    def _facts(self) -> list[object]:
        return ["transcript deletion", self.user_id, self.job_id, self.requested_at]

    def age_milliseconds(self, now: int) -> int:
        return max(0, now - self.requested_at)

    def claimed(self, now: int) -> "Deletion":
        """As it stands while an attempt is made: if that fails, the next one is made then. The
        pause is a quarter of its age, within bounds."""
        quarter = self.age_milliseconds(now) // 4
        pause = min(max(quarter, _MIN_PAUSE_MILLISECONDS), _MAX_PAUSE_MILLISECONDS)
        return replace(self, due_at=now + pause)


FAILURES: Mapping[str, FailureText] = {
    TranscriptionFailure.AUDIO_REJECTED: FailureText(AudioRejected.summary, AudioRejected),
    TranscriptionFailure.LANGUAGE_NOT_OFFERED: FailureText(
        LanguageNotOffered.summary, LanguageNotOffered
    ),
    Failure.PROVIDER_BUSY: FailureText(ProviderBusy.summary, ProviderBusy),
    Failure.PROVIDER_UNAVAILABLE: FailureText(ProviderUnavailable.summary, ProviderUnavailable),
    Failure.GENERATION_FAILED: FailureText(
        "The provider could not transcribe this recording. Nothing was charged."
    ),
    Failure.PROVIDER_UNRESOLVED: FailureText(
        "The provider did not report an outcome. Nothing was charged; if the transcript arrives "
        "later, it is free."
    ),
}

FAILURE_OF_REJECTION: Mapping[RejectionReason, str] = {
    RejectionReason.AUDIO: TranscriptionFailure.AUDIO_REJECTED,
    RejectionReason.LANGUAGE: TranscriptionFailure.LANGUAGE_NOT_OFFERED,
    RejectionReason.BUSY: Failure.PROVIDER_BUSY,
}


class UsageUnusable(ValueError):
    """A duration that cannot be: the vendor's fault."""


def transcript_from(document: Mapping[str, Any]) -> Transcript:
    """The transcript that a vendor delivered. Raises `ValueError` for what is none."""
    text, words = document.get("text"), document.get("words")
    if not isinstance(text, str):
        raise ValueError("the text is missing")
    if not isinstance(words, list | None) or len(words or ()) > MAX_WORDS:
        raise ValueError("the words are no bounded list")
    return Transcript(_clean(text), tuple(map(_word, words or ())))


def content_of(transcript: Transcript) -> dict[str, Any]:
    """The transcript as the document that is stored: each word as [start, end, text] and, where
    there is one, its speaker."""
    words = transcript.words
    packed = None if words is None else [_packed(word) for word in words]
    return {"text": transcript.text, "words": packed}


def transcript_of(content: Mapping[str, Any]) -> Transcript:
    """The inverse. Raises `KeyError`, `TypeError` or `ValueError`."""
    words = content["words"]
    unpacked = None if words is None else tuple(Word(*word) for word in words)
    return Transcript(content["text"], unpacked)


def billed_milliseconds(seconds: object, max_seconds: int, transcript: Transcript) -> int | None:
    """What is charged for, of a recording that the vendor says lasts that many seconds; None where
    our own count decides because the recording is longer than what was requested. Raises
    `UsageUnusable` for a duration that is absent, that is nothing, or that is shorter than its
    words by more than rounding explains."""
    if type(seconds) is not int or seconds <= 0:
        raise UsageUnusable("no usable duration")
    if transcript.end >= (seconds + 1) * 1000:
        raise UsageUnusable("words are spoken after the end")
    return None if seconds > max_seconds else seconds * 1000


def own_count(max_seconds: int, transcript: Transcript) -> int:
    """Milliseconds up to the end of the last word, at most what was requested."""
    return min(transcript.end, max_seconds * 1000)


def _word(given: Any) -> Word:
    if not isinstance(given, dict):
        raise ValueError("a word is no object")
    text, start, end, speaker = (given.get(name) for name in ("text", "start", "end", "speaker"))
    if not isinstance(text, str) or type(start) is not int or type(end) is not int:
        raise ValueError("a word has no text or time")
    if not 0 <= start <= end <= _MAX_MILLISECONDS:
        raise ValueError("a word is spoken at no possible time")
    return Word(start, end, _clean(text), _clean(str(speaker or ""))[:_MAX_SPEAKER])


def _packed(word: Word) -> list[int | str]:
    return [word.start, word.end, word.text, *([word.speaker] if word.speaker else [])]


def _clean(text: str) -> str:
    """Half a surrogate pair, which JSON can spell, has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def captions_of(words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    """The words in captions: of at most two lines of 42 characters and six seconds, by one speaker,
    and none across a pause of two seconds."""
    caption: list[Word] = []
    for word in words:
        if caption and not _fits(caption, word):
            yield tuple(caption)
            caption = []
        caption.append(word)
    if caption:
        yield tuple(caption)


def _fits(caption: list[Word], word: Word) -> bool:
    length = sum(len(each.text) + 1 for each in caption) + len(word.text)
    return (
        length <= 84
        and word.end - caption[0].start <= 6000
        and word.start - caption[-1].end < 2000
        and word.speaker == caption[0].speaker
    )


def languages_of(speech_model: str) -> frozenset[str]:
    """Those of `LANGUAGES` that the model transcribes."""
    return _OF_MODEL.get(speech_model, frozenset(LANGUAGES))
