"""A client of the Responses API (https://platform.openai.com/docs/api-reference/responses)."""

import json
from contextlib import AbstractContextManager
from typing import Any

from service.core.clock import Clock
from service.core.metrics import Metrics
from service.providers.api_key import ApiKey
from service.providers.generation import Generation, GenerationRequest
from service.providers.http import NeverSent, NoResponse, ProviderHttp, Reply
from service.providers.openai.events import UNAUTHORIZED, ResponsesReading
from service.providers.streams import Streams, Waits
from service.providers.text_calls import Sent, TextCall
from service.providers.text_reports import TextReports
from service.storage.secrets import SecretUnavailable

EVENT_STREAM = "text/event-stream"
REQUEST_ID = "x-request-id"


class ResponsesApi:
    """A vendor of text that speaks the Responses API, under the name that the catalog knows it by.
    See `service.providers.generation.TextProvider` for what its methods promise.

    Nothing is stored at the vendor, every response is a stream, and the vendor is held to the
    request's own maximum of output."""

    def __init__(
        self,
        name: str,
        base_url: str,
        key: ApiKey,
        streams: Streams,
        http: ProviderHttp,
        waits: Waits,
        count_seconds: float,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self._url = base_url.rstrip("/") + "/responses"
        self._key = key
        self._streams = streams
        self._http = http
        self._waits = waits
        self._count_seconds = count_seconds
        self._clock = clock
        self._metrics = metrics

    def generate(self, request: GenerationRequest) -> AbstractContextManager[Generation]:
        reading = ResponsesReading(self._clock.now(), self._key.renew)
        return TextCall(
            self._streams.prepare(self._url, self._waits, request.until),
            lambda: self._sent(request),
            reading,
            EVENT_STREAM,
            REQUEST_ID,
            TextReports(self.name, self._metrics, self._clock, request.job_id),
        )

    def count_input(self, request: GenerationRequest) -> int | None:
        until = min(request.until, self._clock.monotonic() + self._count_seconds)
        body = json.dumps({"model": request.model_id, "input": _input(request)}).encode()
        try:
            reply = self._http.send_once(
                f"{self._url}/input_tokens", self._headers(request.job_id), body, until
            )
        except (NeverSent, NoResponse, SecretUnavailable):
            return None
        if reply.status == UNAUTHORIZED:
            self._key.renew()
        return _counted(reply)

    def _sent(self, request: GenerationRequest) -> Sent:
        body: dict[str, Any] = {
            "model": request.model_id,
            "input": _input(request),
            "max_output_tokens": request.max_output_tokens,
            "metadata": {"job_id": request.job_id},
            "store": False,
            "stream": True,
        }
        sampling = {"temperature": request.temperature, "top_p": request.top_p}
        body |= {name: value for name, value in sampling.items() if value is not None}
        headers = self._headers(request.job_id) | {"Accept": EVENT_STREAM}
        return Sent(headers, json.dumps(body).encode())

    def _headers(self, job_id: str) -> dict[str, str]:
        """With our own id of the request, by which OpenAI's support finds one that has had no
        response (https://platform.openai.com/docs/api-reference/debugging-requests)."""
        return {
            "Authorization": f"Bearer {self._key.current()}",
            "Content-Type": "application/json",
            "X-Client-Request-Id": job_id,
        }


def _input(request: GenerationRequest) -> list[dict[str, str]]:
    return [{"role": each.role.value, "content": each.text} for each in request.messages]


def _counted(reply: Reply) -> int | None:
    body = reply.json()
    count = body.get("input_tokens") if reply.status == 200 and isinstance(body, dict) else None
    is_count = isinstance(count, int) and not isinstance(count, bool) and count > 0
    return count if is_count else None
