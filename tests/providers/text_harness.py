"""Vendors of text over the simulators, and what these received and billed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests
from botocore.credentials import ReadOnlyCredentials

from service.core.metrics import Metric, NoMetrics
from service.providers.api_key import ApiKey
from service.providers.bedrock.client import Converse, Guardrail
from service.providers.bedrock.signing import BedrockSigner
from service.providers.generation import (
    GenerationEvent,
    GenerationRequest,
    Message,
    Output,
    Role,
    TextProvider,
)
from service.providers.http import ProviderHttp
from service.providers.openai.client import ResponsesApi
from service.providers.streams import Streams, Waits
from tests.doubles.quick import QuickClock

MODELS = {"openai": "gpt-5.2", "bedrock": "anthropic.claude-sonnet-5-20260901-v1:0"}
MESSAGES = (
    Message(Role.SYSTEM, "You are brief."),
    Message(Role.USER, "Describe a river in winter."),
)


class Counting(NoMetrics):
    def __init__(self) -> None:
        self.counts: Counter[Metric] = Counter()

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        self.counts[metric] += int(value)


@dataclass
class TextHarness:
    """One vendor. `operation` is what the simulators call a generation of it."""

    vendor: str
    operation: str
    url: str
    metrics: Counting = field(default_factory=Counting)

    def arm(self, fault: str, operation: str = "", **more: Any) -> None:
        body = {"service": self.vendor, "operation": operation or self.operation, "fault": fault}
        response = requests.post(f"{self.url}/__faults", json=body | more, timeout=30)
        assert response.status_code == 200, response.text

    def script(self, **script: Any) -> None:
        response = requests.post(f"{self.url}/{self.vendor}/__script", json=script, timeout=30)
        assert response.status_code == 200, response.text

    def calls(self) -> list[dict[str, Any]]:
        """The vendor's books."""
        response = requests.get(f"{self.url}/{self.vendor}/__calls", timeout=30)
        calls: list[dict[str, Any]] = response.json()["calls"]
        return calls

    def received(self, operation: str = "") -> list[dict[str, Any]]:
        query = {"service": self.vendor, "operation": operation or self.operation}
        found: list[dict[str, Any]] = requests.get(
            f"{self.url}/__journal", query, timeout=30
        ).json()["requests"]
        return found

    def reset(self) -> None:
        for path in (
            "/__faults", "/__journal", f"/{self.vendor}/__calls", f"/{self.vendor}/__script",
        ):  # fmt: skip
            requests.delete(f"{self.url}{path}", timeout=30)
        self.metrics.counts.clear()


def bedrock(
    url: str,
    metrics: NoMetrics | None = None,
    waits: Waits | None = None,
    guardrail: Guardrail | None = None,
    secret_key: str = "local",
) -> Converse:
    clock, keys = QuickClock(), ReadOnlyCredentials("local", secret_key, None)
    return Converse(
        base_url=url,
        signer=BedrockSigner(lambda: keys, "us-east-1", clock),
        guardrail=guardrail,
        streams=Streams(clock),
        http=ProviderHttp(clock),
        waits=waits or Waits(60.0, 60.0),
        count_seconds=60.0,
        clock=clock,
        metrics=metrics or NoMetrics(),
    )


def request(seconds: float = 120.0, **more: Any) -> GenerationRequest:
    fields: dict[str, Any] = {
        "job_id": "job_1",
        "model_id": "gpt-5.2",
        "messages": MESSAGES,
        "max_output_tokens": 100,
        "until": QuickClock().monotonic() + seconds,
    }
    return GenerationRequest(**fields | more)


def generated(provider: TextProvider, request: GenerationRequest) -> list[GenerationEvent]:
    with provider.generate(request) as generation:
        return list(generation)


def parts(events: list[GenerationEvent]) -> tuple[str, GenerationEvent]:
    """The text that was written and the one last event."""
    *outputs, last = events
    assert all(isinstance(each, Output) and each.text for each in outputs)
    assert not isinstance(last, Output)
    return "".join(each.text for each in outputs if isinstance(each, Output)), last


def openai(
    url: str, metrics: NoMetrics | None = None, waits: Waits | None = None, key: str = ""
) -> ResponsesApi:
    clock = QuickClock()
    return ResponsesApi(
        name="openai",
        base_url=url,
        key=ApiKey(lambda: key or "openai-local-api-key", clock),
        streams=Streams(clock),
        http=ProviderHttp(clock),
        waits=waits or Waits(60.0, 60.0),
        count_seconds=60.0,
        clock=clock,
        metrics=metrics or NoMetrics(),
    )
