"""Kling's client, and what the simulated Kling received from it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests

from service.core.metrics import Metric, NoMetrics
from service.core.settings import Secret
from service.providers.base import VideoRequest
from service.providers.http import ProviderHttp
from service.providers.kling.client import Kling, KlingDefaults
from service.providers.kling.credentials import KlingCredentials, KlingKeys
from tests.doubles.quick import QuickClock

KEYS = KlingKeys(api_key=Secret("kling-local-api-key"))


PAIR = KlingKeys(
    access_key=Secret("kling-local-access-key"),
    secret_key=Secret("kling-local-secret-key-of-32-characters"),
)


ORDER = VideoRequest("job_1", "https://images.example.com/a.jpg", "The astronaut stood up", None)


class Counting(NoMetrics):
    def __init__(self) -> None:
        self.counts: Counter[Metric] = Counter()

    def count(self, metric: Metric, value: int = 1, **dimensions: str) -> None:
        self.counts[metric] += value


@dataclass
class KlingHarness:
    url: str
    reads: list[KlingKeys]
    keys: KlingKeys = KEYS
    metrics: Counting = field(default_factory=Counting)

    @property
    def refusals(self) -> tuple[int, int]:
        """How often Kling has refused us, and how often it was not reached."""
        counts = self.metrics.counts
        return counts[Metric.PROVIDER_REFUSES_US], counts[Metric.PROVIDER_NOT_REACHED]

    def kling(self, url: str | None = None, seconds: float = 60.0) -> Kling:
        clock = QuickClock()

        def read() -> KlingKeys:
            self.reads.append(self.keys)
            return self.keys

        return Kling(
            http=ProviderHttp(clock),
            credentials=KlingCredentials(read, clock),
            clock=clock,
            metrics=self.metrics,
            base_url=url or f"{self.url}/kling",
            defaults=KlingDefaults("kling-v1", "pro", "5"),
            query_seconds=seconds,
            callback_secret=lambda: "",
        )

    def fault(self, operation: str, fault: str, **more: Any) -> None:
        body = {"service": "kling", "operation": operation, "fault": fault, **more}
        assert requests.post(f"{self.url}/__faults", json=body, timeout=30).status_code == 200

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = requests.get(f"{self.url}/kling/__tasks", timeout=30).json()[
            "tasks"
        ]
        return tasks

    def journal(self, operation: str) -> list[dict[str, Any]]:
        query = {"service": "kling", "operation": operation}
        found: list[dict[str, Any]] = requests.get(
            f"{self.url}/__journal", query, timeout=30
        ).json()["requests"]
        return found


def soon() -> float:
    return QuickClock().monotonic() + 60
