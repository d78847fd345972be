"""AssemblyAI's client, and what the simulated AssemblyAI received from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from service.core.settings import Secret
from service.providers.assemblyai.client import MAX_RECEIVED_BYTES, AssemblyAi, AssemblyAiCalls
from service.providers.assemblyai.credentials import AssemblyAiCredentials, AssemblyAiKeys
from service.providers.base import SoughtJob, TranscriptionRequest, audio_digest
from service.providers.http import ProviderHttp
from tests.doubles.quick import QuickClock
from tests.providers.kling.harness import Counting

KEYS = AssemblyAiKeys(Secret("assemblyai-local-api-key"), Secret("callback-secret"))
WRONG = AssemblyAiKeys(Secret("wrong"), Secret("callback-secret"))
AUDIO = "https://audio.example.com/talk-90s.mp3"
CALLBACK = "https://farebox.example/callbacks/assemblyai/{}"


def request_of(job_id: str = "job_1", audio: str = AUDIO, **more: Any) -> TranscriptionRequest:
    return TranscriptionRequest(job_id, audio, 3600, CALLBACK.format(job_id), **more)


@dataclass
class AssemblyAiHarness:
    url: str
    keys: list[AssemblyAiKeys] = field(default_factory=lambda: [KEYS])
    metrics: Counting = field(default_factory=Counting)
    clock: QuickClock = field(default_factory=QuickClock)

    def client(self, url: str | None = None, seconds: float = 60.0) -> AssemblyAi:
        """Reads its keys one after the other, the last of them again and again."""
        return AssemblyAi(
            ProviderHttp(self.clock, max_received_bytes=MAX_RECEIVED_BYTES),
            AssemblyAiCredentials(
                lambda: self.keys.pop(0) if len(self.keys) > 1 else self.keys[0], self.clock
            ),
            self.clock,
            self.metrics,
            AssemblyAiCalls(url or f"{self.url}/assemblyai", "universal-2", seconds),
            lambda address: address.rpartition("/")[2] if "farebox.example" in address else None,
        )

    def sought(self, job_id: str = "job_1", audio: str = AUDIO) -> SoughtJob:
        now = self.clock.now()
        return SoughtJob(job_id, now - 1000, now + 1000, audio_digest(audio))

    def fault(self, operation: str, fault: str, **more: Any) -> None:
        body = {"service": "assemblyai", "operation": operation, "fault": fault, **more}
        assert requests.post(f"{self.url}/__faults", json=body, timeout=30).status_code == 200

    def tasks(self) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(
            f"{self.url}/assemblyai/__tasks", timeout=30
        ).json()["tasks"]
        return found

    def journal(self, operation: str) -> list[dict[str, Any]]:
        query = {"service": "assemblyai", "operation": operation}
        found: list[dict[str, Any]] = requests.get(
            f"{self.url}/__journal", query, timeout=30
        ).json()["requests"]
        return found

    def reset(self) -> None:
        for path in ("/assemblyai/__tasks", "/__faults", "/__journal"):
            requests.delete(self.url + path, timeout=30)

    def soon(self) -> float:
        return self.clock.monotonic() + 60
