"""The events of `ConverseStream`, and its usage
(https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html).

`messageStop` says why the output ended, and `metadata`, which follows it, what it cost."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from service.providers.bedrock.codes import BROKEN, error_in_response, error_in_stream
from service.providers.event_stream import BadMessage, MessageReader, StreamMessage
from service.providers.generation import Complete, FinishReason, Output, TokenUsage
from service.providers.http import Reply
from service.providers.retry_after import retry_after_seconds
from service.providers.text_calls import Malformed, VendorError, VendorEvent

ERROR_TYPE = "x-amzn-errortype"
_FINISH = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "tool_use": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "guardrail_intervened": FinishReason.CONTENT,
    "content_filtered": FinishReason.CONTENT,
}
_GUARDRAIL = "guardrail_intervened"


class ConverseReading:
    """Reads one response. `now` is the time in epoch milliseconds.

    `guarded`: a guardrail judges the output. What it withholds is replaced by a text of the
    guardrail's own, among the pieces that came before it is known; so all of it is kept back until
    the end is known, and is nothing if the guardrail intervened."""

    def __init__(self, now: int, guarded: bool) -> None:
        self._reader = MessageReader()
        self._now = now
        self._guarded = guarded
        self._kept: list[str] = []
        self._reason: str | None = None

    def events(self, piece: bytes) -> Iterator[VendorEvent]:
        try:
            for message in self._reader.feed(piece):
                yield from self._translated(message)
        except BadMessage as error:
            raise Malformed from error

    def error(self, reply: Reply, headers: Mapping[str, str]) -> VendorError:
        retry = retry_after_seconds(headers, self._now)
        return error_in_response(reply, headers.get(ERROR_TYPE), retry)

    def unfinished(self) -> Complete | None:
        """The output is whole after `messageStop`, though its cost is not known."""
        return None if self._reason is None else self._complete(None)

    def _translated(self, message: StreamMessage) -> Iterator[VendorEvent]:
        kind = message.headers.get(":message-type")
        if kind == "exception":
            content = _object(message.payload)
            name = message.headers.get(":exception-type", "")
            yield error_in_stream(name, str(content.get("message") or ""))
        elif kind == "error":
            yield BROKEN
        elif kind == "event":
            yield from self._event(message.headers.get(":event-type"), message.payload)
        else:
            raise Malformed

    def _event(self, kind: str | None, payload: bytes) -> Iterator[VendorEvent]:
        if kind == "contentBlockDelta":
            yield from self._delta(_object(payload).get("delta"))
        elif kind == "messageStop":
            reason = _object(payload).get("stopReason")
            if not isinstance(reason, str):
                raise Malformed
            self._reason = reason
            if self._guarded and reason != _GUARDRAIL and self._kept:
                yield Output("".join(self._kept))
        elif kind == "metadata":
            if self._reason is None:
                raise Malformed
            yield self._complete(read_usage(_object(payload).get("usage")))

    def _delta(self, delta: object) -> Iterator[Output]:
        """Reasoning is not passed on, and is no output."""
        if not isinstance(delta, dict):
            raise Malformed
        text = delta.get("text")
        if text is None:
            return
        if not isinstance(text, str):
            raise Malformed
        if text and self._guarded:
            self._kept.append(_plain(text))
        elif text:
            yield Output(_plain(text))

    def _complete(self, usage: TokenUsage | None) -> Complete:
        return Complete(_FINISH.get(self._reason or "", FinishReason.OTHER), usage)


def read_usage(usage: object) -> TokenUsage | None:
    """Converse's sums: tokens read from the cache or written to it are outside of the input, and
    here they are parts of it. None where the two sums are no whole numbers."""
    if not isinstance(usage, dict):
        return None
    fresh, written = _count(usage.get("inputTokens")), _count(usage.get("outputTokens"))
    if fresh is None or written is None:
        return None
    read = _count(usage.get("cacheReadInputTokens")) or 0
    stored = _count(usage.get("cacheWriteInputTokens")) or 0
    whole, total = fresh + read + stored, _count(usage.get("totalTokens"))
    if total == fresh + written:
        total = whole + written
    return TokenUsage(whole, written, read, stored, total_tokens=total)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(payload: bytes) -> dict[str, Any]:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(content, dict):
        raise Malformed
    return content


def _plain(text: str) -> str:
    """Half a surrogate pair, which JSON can spell, has no UTF-8."""
    return text.encode("utf-8", "replace").decode()
