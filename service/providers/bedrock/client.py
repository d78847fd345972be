"""A client of Bedrock's Converse API
(https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html).

Not boto3: it retries by itself, and what it reads has no limit as a whole."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from service.core.clock import Clock
from service.core.metrics import Metrics
from service.providers.bedrock.events import ConverseReading
from service.providers.bedrock.signing import BedrockSigner
from service.providers.generation import Generation, GenerationRequest, Role
from service.providers.http import NeverSent, NoResponse, ProviderHttp, Reply
from service.providers.streams import Streams, Waits
from service.providers.text_calls import Sent, TextCall
from service.providers.text_reports import TextReports
from service.storage.secrets import SecretUnavailable

EVENT_STREAM = "application/vnd.amazon.eventstream"
REQUEST_ID = "x-amzn-requestid"


@dataclass(frozen=True)
class Guardrail:
    """A guardrail that judges inputs and outputs."""

    identifier: str
    version: str


class Converse:
    """The provider "bedrock". See `service.providers.generation.TextProvider` for what its methods
    promise.

    `maxTokens` is always set: Bedrock reserves it from the quota at the start, and without it the
    model's maximum."""

    name = "bedrock"

    def __init__(
        self,
        base_url: str,
        signer: BedrockSigner,
        guardrail: Guardrail | None,
        streams: Streams,
        http: ProviderHttp,
        waits: Waits,
        count_seconds: float,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._signer = signer
        self._guardrail = guardrail
        self._streams = streams
        self._http = http
        self._waits = waits
        self._count_seconds = count_seconds
        self._clock = clock
        self._metrics = metrics

    def generate(self, request: GenerationRequest) -> AbstractContextManager[Generation]:
        url = self._url(request, "converse-stream")
        return TextCall(
            self._streams.prepare(url, self._waits, request.until),
            lambda: self._sent(url, request),
            ConverseReading(self._clock.now(), guarded=self._guardrail is not None),
            EVENT_STREAM,
            REQUEST_ID,
            TextReports(self.name, self._metrics, self._clock, request.job_id),
        )

    def count_input(self, request: GenerationRequest) -> int | None:
        """Bedrock counts for some models only, and for no inference profile."""
        url, until = self._url(request, "count-tokens"), self._clock.monotonic()
        body = json.dumps({"input": {"converse": _conversation(request)}}).encode()
        try:
            headers = self._signer.headers(url, body)
            return _counted(
                self._http.send_once(
                    url, headers, body, min(request.until, until + self._count_seconds)
                )
            )
        except (NeverSent, NoResponse, SecretUnavailable):
            return None

    def _url(self, request: GenerationRequest, operation: str) -> str:
        return f"{self._base_url}/model/{quote(request.model_id, safe='')}/{operation}"

    def _sent(self, url: str, request: GenerationRequest) -> Sent:
        content: dict[str, Any] = {
            **_conversation(request),
            "inferenceConfig": _inference(request),
            "requestMetadata": {"job_id": request.job_id},
        }
        if self._guardrail:
            content["guardrailConfig"] = {
                "guardrailIdentifier": self._guardrail.identifier,
                "guardrailVersion": self._guardrail.version,
                "streamProcessingMode": "sync",
            }
        body = json.dumps(content).encode()
        return Sent(self._signer.headers(url, body), body)


def _inference(request: GenerationRequest) -> dict[str, Any]:
    sampling = {"temperature": request.temperature, "topP": request.top_p}
    chosen = {name: value for name, value in sampling.items() if value is not None}
    return {"maxTokens": request.max_output_tokens, **chosen}


def _conversation(request: GenerationRequest) -> dict[str, Any]:
    """Messages in Converse's form: what is said to the model apart from the rest, whose roles must
    alternate."""
    said = [each for each in request.messages if each.role is not Role.SYSTEM and each.text]
    content: dict[str, Any] = {
        "messages": [
            {"role": role.value, "content": [{"text": each.text} for each in group]}
            for role, group in groupby(said, key=lambda each: each.role)
        ]
    }
    system = [each.text for each in request.messages if each.role is Role.SYSTEM and each.text]
    return content | ({"system": [{"text": text} for text in system]} if system else {})


def _counted(reply: Reply) -> int | None:
    body = reply.json()
    count = body.get("inputTokens") if reply.status == 200 and isinstance(body, dict) else None
    is_count = isinstance(count, int) and not isinstance(count, bool) and count > 0
    return count if is_count else None
