"""The two streams of OpenAI's: chunks of a chat completion, and the typed events of a response.

In a file of its own because each is a vocabulary for what `text` streams in another."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from service.compatible.entities import Written, id_of
from service.compatible.error_schemas import error_of
from service.compatible.operations import Writing
from service.compatible.response_schemas import (
    COMPLETED,
    IN_PROGRESS,
    INCOMPLETE,
    MESSAGE_PREFIX,
    failed_body,
    message_body,
    open_body,
    part_body,
    response_body,
)
from service.compatible.schemas import chat_finish, chat_head, chat_usage
from service.core.errors import FareboxError
from service.jobs.entities import Job
from service.text.event_schemas import Live
from service.web.event_streams import KEEP_ALIVE, event

CHUNK = "chat.completion.chunk"
DONE = "data: [DONE]\n\n"


def chat_events(writing: Writing, live: Live, *, with_usage: bool) -> Iterator[str]:
    """The chunks, and the end that OpenAI's clients wait for. What goes wrong on the way is an
    error in the stream, without that end."""
    usage = {"usage": None} if with_usage else {}
    job, is_first = writing.job, True

    def chunk(delta: Mapping[str, object], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**chat_head(job, CHUNK), "choices": [choice], **usage})

    try:
        for piece in writing.pieces(live):
            if not piece:
                yield KEEP_ALIVE
                continue
            if is_first:
                yield chunk({"role": "assistant", "content": "", "refusal": None})
            is_first = False
            yield chunk({"content": piece})
        written = writing.written()
    except FareboxError as error:
        yield _data({"error": error_of(error)})
        return
    yield chunk({}, chat_finish(written))
    if with_usage:
        yield _data({**chat_head(job, CHUNK), "choices": [], "usage": chat_usage(written)})
    yield DONE


def response_events(writing: Writing, live: Live, given: Mapping[str, Any]) -> Iterator[str]:
    """The events, numbered. The stream ends with `response.completed`, `response.incomplete`,
    `response.failed`, or `error` where not a word has come."""
    events = _ResponseEvents(writing.job, given)
    texts: list[str] = []
    try:
        for piece in writing.pieces(live):
            if not piece:
                yield KEEP_ALIVE
                continue
            if not texts:
                yield from events.beginning()
            texts.append(piece)
            yield events.delta(piece)
        written = writing.written()
    except FareboxError as error:
        yield events.failure(error, has_begun=bool(texts))
        return
    yield from events.ending(written)


class _ResponseEvents:
    """The events of one response."""

    def __init__(self, job: Job, given: Mapping[str, Any]) -> None:
        self._job = job
        self._given = given
        self._numbers = itertools.count()
        self._place = {
            "item_id": id_of(MESSAGE_PREFIX, job),
            "output_index": 0,
            "content_index": 0,
        }

    def beginning(self) -> Iterator[str]:
        response = open_body(self._given, self._job)
        yield self._event("response.created", response=response)
        yield self._event("response.in_progress", response=response)
        item = message_body(self._job, IN_PROGRESS, None)
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._event("response.content_part.added", **self._place, part=part_body(""))

    def delta(self, text: str) -> str:
        return self._event("response.output_text.delta", **self._place, delta=text, logprobs=[])

    def ending(self, written: Written) -> Iterator[str]:
        text, whole = written.text, response_body(self._given, written)
        status = str(whole["status"])
        yield self._event("response.output_text.done", **self._place, text=text, logprobs=[])
        yield self._event("response.content_part.done", **self._place, part=part_body(text))
        item = message_body(self._job, status, text)
        yield self._event("response.output_item.done", output_index=0, item=item)
        name = COMPLETED if status == COMPLETED else INCOMPLETE
        yield self._event(f"response.{name}", response=whole)

    def failure(self, error: FareboxError, *, has_begun: bool) -> str:
        if has_begun:
            response = failed_body(self._given, self._job, error.message)
            return self._event("response.failed", response=response)
        said = error_of(error)
        return self._event("error", code=said["code"], message=said["message"], param=said["param"])

    def _event(self, kind: str, **content: object) -> str:
        return event(kind, {"type": kind, "sequence_number": next(self._numbers), **content})


def _data(content: Mapping[str, object]) -> str:
    return f"data: {json.dumps(content, separators=(',', ':'), allow_nan=False)}\n\n"
