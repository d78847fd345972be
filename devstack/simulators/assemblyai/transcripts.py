"""AssemblyAI's own records: every transcript, its status, and what it would bill.

Sources: AssemblyAI's OpenAPI description
(https://github.com/AssemblyAI/assemblyai-api-spec/blob/main/openapi.yml), its texts of errors."""

import heapq
import itertools
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from devstack.simulators.time_scale import TimeScale
from service.core.clock import Clock, iso

QUEUED, PROCESSING, COMPLETED, ERROR = "queued", "processing", "completed", "error"
FINAL = frozenset({COMPLETED, ERROR})
MAX_TRANSCRIPTS = 100_000
MAX_SECONDS = 10 * 3600
MIN_MILLISECONDS = 160
DEFAULT_SECONDS = 61
NOT_FOUND = "Transcript lookup error, transcript id not found"

_PROCESSING_FROM = 0.25
_SECONDS_IN_NAME = re.compile(r"([0-9]{1,6})s\b")
# One is spoken in each half second.
_WORDS = ("Hello,", "this", "is", "a", "simulated", "recording", "and", "nothing", "was", "said.")
_WORD_MILLISECONDS = 500


class AssemblyAiError(Exception):
    """Refuses the request with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class TranscriptRequest:
    """A checked request. `end_ms` is `audio_end_at` (None: the whole recording)."""

    audio_url: str
    end_ms: int | None = None
    speaker_labels: bool = False
    language_code: str = "en"
    speech_model: str = "universal-2"
    webhook_url: str = ""
    webhook_header: str = ""
    webhook_value: str = ""


@dataclass(frozen=True)
class Transcript:
    """One transcript. `seconds` is how long the recording is, `outcome` the error that it will end
    with ("": none). Times are epoch milliseconds."""

    transcript_id: str
    request: TranscriptRequest
    status: str
    seconds: int
    outcome: str
    created_at: int
    completed_at: int | None = None
    webhook_status: int | None = None
    is_deleted: bool = False

    @property
    def billed_seconds(self) -> int:
        """Failed transcripts are free; of the others what was transcribed is billed."""
        if self.status != COMPLETED:
            return 0
        end_ms = self.request.end_ms
        return self.seconds if end_ms is None else min(self.seconds, -(-end_ms // 1000))

    @property
    def words(self) -> list[dict[str, object]]:
        end = self.billed_seconds * 1000
        return [
            {
                "text": _WORDS[number % len(_WORDS)],
                "start": at,
                "end": at + _WORD_MILLISECONDS - 50,
                "confidence": 0.97,
                "speaker": "AB"[number // len(_WORDS) % 2] if self.request.speaker_labels else None,
            }
            for number, at in enumerate(range(0, end, _WORD_MILLISECONDS))
        ]


Changed = Callable[[Transcript], None]


class Transcripts:
    """All transcripts of the account, under one lock: at most `concurrency` are processed at once,
    and the others wait in their order. `changed` is called when one ends, and must not block."""

    def __init__(
        self, clock: Clock, speed: TimeScale, seconds: float, concurrency: int, changed: Changed
    ) -> None:
        """A recording takes `seconds` of simulated time, however long it is."""
        self._clock = clock
        self._speed = speed
        self._seconds = seconds
        self._concurrency = concurrency
        self._changed = changed
        self._lock = threading.Lock()
        self._counter = itertools.count()
        self._clear()

    def _clear(self) -> None:
        self._all: dict[str, Transcript] = {}
        self._waiting: list[str] = []
        self._due: list[tuple[float, int, str, str]] = []
        self._running = 0

    def create(self, request: TranscriptRequest, seconds: int, outcome: str) -> Transcript:
        """Raises `AssemblyAiError` when the simulator is full."""
        with self._lock:
            self._catch_up()
            if len(self._all) >= MAX_TRANSCRIPTS:
                raise AssemblyAiError(500, "Server error, developers have been alerted.")
            made = Transcript(
                str(uuid.uuid4()), request, QUEUED, seconds, outcome, self._clock.now()
            )
            self._all[made.transcript_id] = made
            self._waiting.append(made.transcript_id)
            self._begin_waiting(self._speed.passed_seconds())
            return made

    def find(self, transcript_id: str) -> Transcript:
        """Raises `AssemblyAiError`."""
        with self._lock:
            self._catch_up()
            found = self._all.get(transcript_id)
        if found is None or found.is_deleted:
            raise AssemblyAiError(400, NOT_FOUND)
        return found

    def delete(self, transcript_id: str) -> Transcript:
        """Raises `AssemblyAiError`."""
        found = self.find(transcript_id)
        with self._lock:
            self._all[transcript_id] = replace(found, is_deleted=True)
        return found

    def page(self, limit: int, before_id: str, status: str) -> list[Transcript]:
        """Newest first, those that are older than `before_id`."""
        with self._lock:
            self._catch_up()
            newest = list(reversed(self._all.values()))
        if before_id:
            places = [place for place, each in enumerate(newest) if each.transcript_id == before_id]
            newest = newest[places[0] + 1 :] if places else []
        shown = (each for each in newest if not each.is_deleted and status in ("", each.status))
        return list(itertools.islice(shown, limit))

    def everything(self) -> list[Transcript]:
        with self._lock:
            self._catch_up()
            return list(self._all.values())

    def webhook_ended(self, transcript_id: str, status: int) -> None:
        with self._lock:
            found = self._all.get(transcript_id)
            if found is not None:
                self._all[transcript_id] = replace(found, webhook_status=status)

    def reset(self) -> None:
        with self._lock:
            self._clear()

    def catch_up(self) -> None:
        with self._lock:
            self._catch_up()

    def _catch_up(self) -> None:
        passed = self._speed.passed_seconds()
        while self._due and self._due[0][0] <= passed:
            at, _, transcript_id, status = heapq.heappop(self._due)
            self._move(transcript_id, status)
            if status in FINAL:
                self._running -= 1
                self._begin_waiting(at)

    def _begin_waiting(self, at: float) -> None:
        while self._waiting and self._running < self._concurrency:
            found = self._all[self._waiting.pop(0)]
            self._running += 1
            end = ERROR if found.outcome else COMPLETED
            for after, status in ((_PROCESSING_FROM, PROCESSING), (1.0, end)):
                place = next(self._counter)
                entry = (at + after * self._seconds, place, found.transcript_id, status)
                heapq.heappush(self._due, entry)

    def _move(self, transcript_id: str, status: str) -> None:
        ended_at = self._clock.now() if status in FINAL else None
        moved = replace(self._all[transcript_id], status=status, completed_at=ended_at)
        self._all[transcript_id] = moved
        if status in FINAL:
            self._changed(moved)


def seconds_of(audio_url: str) -> int:
    """How long a recording is that is not fetched: its name says so, as in `talk-90s.mp3`."""
    named = _SECONDS_IN_NAME.search(audio_url.rpartition("/")[2])
    return min(int(named[1]), MAX_SECONDS) if named else DEFAULT_SECONDS


def view(transcript: Transcript) -> Mapping[str, object]:
    """A transcript as the API shows it."""
    request, done = transcript.request, transcript.status == COMPLETED
    words = transcript.words if done else None
    return {
        "id": transcript.transcript_id,
        "status": transcript.status,
        "audio_url": request.audio_url,
        "audio_end_at": request.end_ms,
        "audio_duration": transcript.seconds if done else None,
        "text": " ".join(str(word["text"]) for word in words) if words is not None else None,
        "words": words,
        "utterances": None,
        "confidence": 0.97 if done else None,
        "language_code": request.language_code if done else None,
        "speech_model_used": request.speech_model if done else None,
        "speaker_labels": request.speaker_labels,
        "error": transcript.outcome if transcript.status == ERROR else None,
        "webhook_url": request.webhook_url or None,
        "webhook_auth": bool(request.webhook_header),
        "webhook_auth_header_name": request.webhook_header or None,
        "webhook_status_code": transcript.webhook_status,
    }


def entry_view(transcript: Transcript, address: str) -> Mapping[str, object]:
    """A transcript in the list, which shows little of it, and times without a zone."""
    ended_at = transcript.completed_at
    return {
        "id": transcript.transcript_id,
        "resource_url": f"{address}/v2/transcript/{transcript.transcript_id}",
        "status": transcript.status,
        "created": iso(transcript.created_at).removesuffix("Z"),
        "completed": iso(ended_at).removesuffix("Z") if ended_at else None,
        "audio_url": transcript.request.audio_url,
        "error": transcript.outcome if transcript.status == ERROR else None,
    }


def record_view(transcript: Transcript) -> Mapping[str, object]:
    """One transcript in `/__tasks`."""
    return {
        "transcript_id": transcript.transcript_id,
        "status": transcript.status,
        "error": transcript.outcome if transcript.status == ERROR else None,
        "audio_url": transcript.request.audio_url,
        "audio_seconds": transcript.seconds,
        "audio_end_at": transcript.request.end_ms,
        "billed_seconds": transcript.billed_seconds,
        "webhook_url": transcript.request.webhook_url or None,
        "webhook_status_code": transcript.webhook_status,
        "created_at": transcript.created_at,
    }
