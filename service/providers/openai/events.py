"""The events of a streamed response, and its usage
(https://platform.openai.com/docs/api-reference/responses-streaming).

The stream ends with `response.completed`, `response.incomplete`, `response.failed` or `error`;
nothing follows, and usage comes in these only."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from service.providers.generation import Complete, FinishReason, Output, TokenUsage
from service.providers.http import Reply
from service.providers.openai.codes import error_in_response, error_in_stream
from service.providers.retry_after import retry_after_seconds
from service.providers.server_events import EventReader, EventTooLong, ServerEvent
from service.providers.text_calls import Malformed, VendorError, VendorEvent

UNAUTHORIZED = 401
# What is passed on: a refusal in the model's own words is output too.
_DELTAS = {"response.output_text.delta", "response.refusal.delta"}
_ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}
# Whatever else comes repeats what has come already, at length: it is not even parsed.
_READ = {"", *_DELTAS, *_ENDS}
_FINISH = {
    "max_output_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT,
}


class ResponsesReading:
    """Reads one response. `now` is the time in epoch milliseconds; `renew_key` is called when the
    key was refused."""

    def __init__(self, now: int, renew_key: Callable[[], None]) -> None:
        self._reader = EventReader()
        self._now = now
        self._renew_key = renew_key

    def events(self, piece: bytes) -> Iterator[VendorEvent]:
        try:
            for event in self._reader.feed(piece):
                if event.name in _READ:
                    yield from _translated(event)
        except EventTooLong as error:
            raise Malformed from error

    def error(self, reply: Reply, headers: Mapping[str, str]) -> VendorError:
        if reply.status == UNAUTHORIZED:
            self._renew_key()
        return error_in_response(reply, retry_after_seconds(headers, self._now))

    def unfinished(self) -> None:
        """Only the last event says how the output ended."""


def _translated(event: ServerEvent) -> Iterator[VendorEvent]:
    if event.data == "[DONE]":
        return
    content = _object(event.data)
    kind = content.get("type", "error" if "error" in content else None)
    if not isinstance(kind, str):
        raise Malformed
    if kind in _DELTAS:
        if text := _text(content.get("delta")):
            yield Output(text)
    elif kind == "error":
        # Some vendors wrap it as they do in a response without a stream.
        wrapped = content.get("error")
        yield error_in_stream(wrapped if isinstance(wrapped, dict) else _without_type(content))
    elif kind in _ENDS:
        yield _end(kind, content.get("response"))


def _end(kind: str, response: object) -> VendorEvent:
    if not isinstance(response, dict):
        raise Malformed
    usage = read_usage(response.get("usage"))
    if kind == "response.completed":
        return Complete(FinishReason.STOP, usage)
    if kind == "response.incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return Complete(_FINISH.get(str(reason), FinishReason.OTHER), usage)
    error = response.get("error")
    return replace(error_in_stream(error if isinstance(error, dict) else {}), usage=usage)


def read_usage(usage: object) -> TokenUsage | None:
    """OpenAI's sums: cached and cache-write tokens are inside the input, reasoning inside the
    output. None where the two sums are no whole numbers; a detail that is none is left out."""
    if not isinstance(usage, dict):
        return None
    given, written = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    if given is None or written is None:
        return None
    return TokenUsage(
        given,
        written,
        _detail(usage, "input_tokens_details", "cached_tokens"),
        _detail(usage, "input_tokens_details", "cache_write_tokens"),
        _detail(usage, "output_tokens_details", "reasoning_tokens"),
        _count(usage.get("total_tokens")),
    )


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (_count(details.get(name)) if isinstance(details, dict) else None) or 0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _without_type(content: Mapping[str, Any]) -> dict[str, Any]:
    """In a bare error event, `type` is the event's own."""
    return {name: value for name, value in content.items() if name != "type"}


def _object(data: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(content, dict):
        raise Malformed
    return content


def _text(delta: object) -> str:
    """Half a surrogate pair, which JSON can spell, has no UTF-8. Raises `Malformed`."""
    if not isinstance(delta, str):
        raise Malformed
    return delta.encode("utf-8", "replace").decode()
