"""Transcription over the table in memory, with a vendor that a test scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.core.principal import Principal
from service.jobs.entities import Job
from service.jobs.operations import Submission
from service.providers.base import (
    Accepted,
    CallbackEvent,
    Created,
    Found,
    NotFound,
    RejectionReason,
    SoughtJob,
    Task,
    TaskLookup,
    TaskStatus,
    TranscriptionProvider,
    TranscriptionRequest,
)
from service.results.operations import Results
from service.transcription.entities import NewTranscription, TranscriptionBody
from service.transcription.operations import Transcriptions
from tests.doubles.service_harness import ServiceHarness, memory_world

ANN = Principal("https://accounts.google.com", "ann", "ann@example.com")
AUDIO = "https://audio.example.com/talk.mp3"
# A price of 0.01 a minute (service/catalog/prices.json).
A_MINUTE = 10


def spoken(*ends: int, speaker: str | None = None) -> dict[str, Any]:
    """A document whose words end at those milliseconds."""
    words = [
        {"text": f"word{at}", "start": max(0, end - 400), "end": end, "speaker": speaker}
        for at, end in enumerate(ends)
    ]
    return {"text": " ".join(str(word["text"]) for word in words), "words": words}


@dataclass
class Vendor:
    """Takes every request; `ended` is what has become of each job's task."""

    name: str = "assemblyai"
    requests: list[TranscriptionRequest] = field(default_factory=list)
    ended: dict[str, Task] = field(default_factory=dict)
    refusal: Created | None = None
    deleted: list[str] = field(default_factory=list)
    sought: list[SoughtJob] = field(default_factory=list)
    is_down: bool = False

    def create(self, request: TranscriptionRequest, until: float) -> Created:
        self.requests.append(request)
        return self.refusal or Accepted(Task(f"t_{request.job_id}", TaskStatus.RUNNING))

    def fetch_task(self, task_id: str | None, job: SoughtJob) -> TaskLookup:
        self.sought.append(job)
        if job.job_id not in [request.job_id for request in self.requests]:
            return NotFound()
        running = Task(f"t_{job.job_id}", TaskStatus.RUNNING)
        return Found(self.ended.get(job.job_id, running))

    def delete(self, task_id: str) -> bool:
        if not self.is_down:
            self.deleted.append(task_id)
        return not self.is_down

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        return CallbackEvent(True) if headers.get("x-farebox-callback") == "secret" else None

    def completes(self, job: Job, seconds: object, document: Mapping[str, Any]) -> None:
        facts: dict[str, Any] = {"transcriptId": f"t_{job.job_id}", "model": "universal-2"}
        facts |= {"audioSeconds": seconds} if seconds is not None else {}
        self.ended[job.job_id] = Task(
            f"t_{job.job_id}", TaskStatus.SUCCEEDED, facts, document=document
        )

    def fails(self, job: Job, rejection: RejectionReason | None) -> None:
        self.ended[job.job_id] = Task(
            f"t_{job.job_id}", TaskStatus.FAILED, reason="it says", rejection=rejection
        )


def settings_on() -> dict[str, Any]:
    """What switches transcription on."""
    return {
        "assemblyai_api_key_secret_name": "assemblyai",
        "public_url": "https://farebox.example",
    }


@dataclass
class World:
    harness: ServiceHarness
    vendor: Vendor

    @property
    def results(self) -> Results:
        return self.harness.parts.get(Results)

    def transcribe(self, minutes: int = 60, key: str | None = None, **more: Any) -> Submission:
        body = TranscriptionBody(more.pop("audio", AUDIO), minutes, **more)
        requested = NewTranscription(ANN, "phone", body, key)
        return self.harness.parts.get(Transcriptions).create(requested)

    def settled(self, job: Job) -> Job:
        self.harness.work_until(60)
        return self.harness.job(job.job_id)

    def violations(self) -> list[str]:
        return [each.what for each in self.harness.audit().violations]


def world_of(replacing: Mapping[type[Any], object] | None = None, **options: Any) -> World:
    """`replacing`: further parts to replace."""
    vendor = Vendor()
    replacements = {TranscriptionProvider: vendor, **(replacing or {})}
    harness = memory_world(welcome_credits=3, replacements=replacements, **settings_on() | options)
    return World(harness, vendor)


@pytest.fixture
def world() -> World:
    return world_of()
