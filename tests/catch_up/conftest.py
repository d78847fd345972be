"""Catch-ups with vendors that a test scripts. One is made where it is begun, unless a test wants a
thread of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.catch_up.bounds import limits_of
from service.catch_up.entities import CatchUpBody, NewCatchUp
from service.catch_up.feature import Starter
from service.catch_up.operations import CatchUps
from service.catch_up.words import Library
from service.core.principal import Principal
from service.jobs.entities import Job
from service.providers.base import (
    Broadcast,
    BroadcastLookup,
    BroadcastProvider,
    FoundBroadcast,
    SoughtBroadcast,
    TranscriptionProvider,
)
from service.providers.generation import Complete, FinishReason, Output, TextProviders, TokenUsage
from service.results.operations import Results
from service.text.models import MODELS
from service.transcription.entities import NewTranscription, TranscriptionBody
from service.transcription.operations import Transcriptions
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.doubles.text_provider import ScriptedTextProvider, Step
from tests.transcription.conftest import AUDIO, Vendor, settings_on

MODEL = MODELS["gpt-4.1-mini"]
BROADCAST = Broadcast(
    "LighthouseTV", "Harbour lights", "https://www.twitch.tv/videos/7", video_id="7"
)
USAGE = TokenUsage(900, 50, total_tokens=950)
# 900 x 2 + 50 x 8 millionths, rounded up.
COST = 3
# A transcript of several parts, and what a step may write of one of a minute.
LONG: dict[str, Any] = {"seconds": 3600, "words": "a-long-word-about-number-{at} " * 4, "every": 2}
LATE = ("[0:00:20] The lamp is lit.", "[0:00:40] A ship passes.")


def at_once(work: Callable[[], None]) -> None:
    work()


def principal(user_id: str = "ann") -> Principal:
    return Principal("https://accounts.google.com", user_id, f"{user_id}@example.com")


def step(*points: str, usage: TokenUsage | None = USAGE) -> tuple[Step, ...]:
    """What one step writes: a line for each point."""
    return (Output("\n".join(points)), Complete(FinishReason.STOP, usage))


def spoken(seconds: int, words: str = "word{at}", every: int = 5) -> dict[str, Any]:
    """A document in which something is said every few seconds."""
    said = [
        {"text": words.format(at=at), "start": at * 1000, "end": at * 1000 + 400, "speaker": None}
        for at in range(0, seconds, every)
    ]
    return {"text": " ".join(str(each["text"]) for each in said), "words": said}


@dataclass
class Broadcasts:
    """Finds one broadcast, unless a test says what else comes of a search."""

    name: str = "twitch"
    outcome: BroadcastLookup | Callable[[], BroadcastLookup] = field(
        default_factory=lambda: FoundBroadcast(BROADCAST)
    )
    sought: list[SoughtBroadcast] = field(default_factory=list)

    def find(self, sought: SoughtBroadcast, until: float) -> BroadcastLookup:
        self.sought.append(sought)
        return self.outcome() if callable(self.outcome) else self.outcome


@dataclass
class World:
    harness: ServiceHarness
    recordings: Vendor
    text: ScriptedTextProvider
    broadcasts: Broadcasts

    @property
    def catch_ups(self) -> CatchUps:
        return self.harness.parts.get(CatchUps)

    def transcript(self, seconds: int = 60, **options: Any) -> str:
        """The id of a transcript of that many seconds, paid for."""
        document = options.pop("document", None) or spoken(seconds, **options)
        body = TranscriptionBody(AUDIO, 600)
        new = NewTranscription(principal(), "phone", body)
        job = self.harness.parts.get(Transcriptions).create(new).job
        self.recordings.completes(job, max(seconds, 1), document)
        self.harness.work_until(60)
        assert self.harness.job(job.job_id).result
        return job.job_id

    def body(self, transcript_id: str, user_id: str = "ann", since: int = 0, **more: Any) -> Any:
        library = Library(self.harness.jobs, self.harness.parts.get(Results))
        words = library.words(user_id, transcript_id, since)
        channel, video_id = more.pop("channel", ""), more.pop("video_id", "7")
        return CatchUpBody(channel, video_id, since, transcript_id, words)

    def begin(self, transcript_id: str, key: str | None = None, **more: Any) -> Any:
        who = principal(more.get("user_id", "ann"))
        return self.catch_ups.begin(NewCatchUp(who, "phone", self.body(transcript_id, **more), key))

    def made(self, transcript_id: str, *scripts: Any, **more: Any) -> Job:
        """The job of a catch-up whose steps take those scripts, as stored."""
        self.text.scripts += scripts
        run = self.begin(transcript_id, **more)
        return self.harness.job(run.job.job_id, more.get("user_id", "ann"))

    def summary(self, job: Job) -> Any:
        return self.harness.operations.content(job)["summary"]

    def bound(self, transcript_id: str) -> tuple[int, int]:
        """Tokens that its steps may use at most."""
        limits = limits_of(self.body(transcript_id).words.parts(), MODEL)
        return limits.input_tokens, limits.output_tokens

    def require_clean(self) -> None:
        assert self.harness.wallet().held == 0
        assert [each.what for each in self.harness.audit().violations] == []


def world_of(where: Any = None, table_name: str = "", **options: Any) -> World:
    """Over a table in memory, or over that one."""
    recordings, text, broadcasts = Vendor(), ScriptedTextProvider(), Broadcasts()
    replacements: dict[type[Any], object] = {
        TranscriptionProvider: recordings,
        TextProviders: TextProviders().adding(text),
        BroadcastProvider: broadcasts,
        Starter: Starter(at_once),
    }
    replacements |= options.pop("replacements", {})
    usual = settings_on() | {"twitch_credentials_secret_name": "twitch"}
    given = {"welcome_credits": 30, "replacements": replacements, **usual, **options}
    harness = ServiceHarness(where, table_name, **given) if where else memory_world(**given)
    return World(harness, recordings, text, broadcasts)


@pytest.fixture
def world() -> World:
    return world_of()
