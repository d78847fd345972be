"""Responses as JSON, and as typed events
(https://platform.openai.com/docs/api-reference/responses).

There is no `[DONE]`: `response.completed`, `.incomplete`, `.failed` or `error` is the last."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from devstack.simulators.language.model import Plan
from devstack.simulators.language.scripts import Script
from devstack.simulators.openai.errors import OpenAiError, event_error
from devstack.simulators.openai.requests import TextRequest

STATES = {
    "stop": "completed",
    "refusal": "completed",
    "length": "incomplete",
    "content": "incomplete",
}
_DETAILS = {"length": "max_output_tokens", "content": "content_filter"}


@dataclass(frozen=True)
class Job:
    """One response that is being made."""

    id: str
    created_at: int
    request: TextRequest
    script: Script
    plan: Plan

    @property
    def state(self) -> str:
        return STATES.get(self.plan.end, "failed")

    @property
    def message_id(self) -> str:
        return self.id.replace("resp_", "msg_")


def usage_of(plan: Plan, script: Script) -> dict[str, object] | None:
    """What is reported: the truth, or what the script says instead."""
    if script.usage is None:
        return None
    true: dict[str, object] = {
        "input_tokens": plan.input_tokens,
        "input_tokens_details": {
            "cached_tokens": plan.cached_tokens,
            "cache_write_tokens": plan.cache_write_tokens,
        },
        "output_tokens": plan.output_tokens,
        "output_tokens_details": {"reasoning_tokens": plan.reasoning_tokens},
        "total_tokens": plan.input_tokens + plan.output_tokens,
    }
    return true | dict(script.usage)


def reported(job: Job) -> dict[str, object] | None:
    """The usage in the response of a job that has ended."""
    return None if job.state == "failed" else usage_of(job.plan, job.script)


def whole(job: Job, state: str, text: str | None) -> dict[str, object]:
    """The response object in that state; `text` is its output, None if there is none yet."""
    ended = state not in ("in_progress", "queued")
    failed = event_error(job.script.failure) if state == "failed" else None
    return {
        "id": job.id,
        "object": "response",
        "created_at": job.created_at,
        "status": state,
        "background": False,
        "error": {"code": failed.code, "message": str(failed)} if failed else None,
        "incomplete_details": {"reason": _DETAILS[job.plan.end]} if state == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": job.request.max_tokens,
        "metadata": dict(job.request.metadata),
        "model": job.request.model,
        "output": [_message(job, text, "completed" if ended else "in_progress")]
        if text is not None and ended
        else [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": job.request.stored,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": reported(job) if ended else None,
        "user": None,
    }


def events(job: Job, tokens: Iterable[str], error: str | None, late: bool) -> Iterator[bytes]:
    """The stream. `error` is the code of an `error` event that ends it: as the first event after
    `response.created`, or `late`, where the tokens end."""
    numbers = itertools.count()

    def event(kind: str, **content: object) -> bytes:
        data = {"type": kind, "sequence_number": next(numbers), **content}
        return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()

    yield event("response.created", response=whole(job, "in_progress", None))
    if error is not None and not late:
        yield event("error", **_error(event_error(error)))
        return
    yield event("response.in_progress", response=whole(job, "in_progress", None))
    place = {"item_id": job.message_id, "output_index": 0, "content_index": 0}
    item = _message(job, None, "in_progress")
    yield event("response.output_item.added", output_index=0, item=item)
    yield event("response.content_part.added", **place, part=_part(job, ""))
    kind = "refusal" if job.plan.end == "refusal" else "output_text"
    more: dict[str, object] = {} if kind == "refusal" else {"logprobs": []}
    for token in tokens:
        yield event(f"response.{kind}.delta", **place, delta=token, **more)
    if error is not None:
        yield event("error", **_error(event_error(error)))
        return
    text = job.plan.text
    said = {"refusal": text} if kind == "refusal" else {"text": text}
    yield event(f"response.{kind}.done", **place, **said, **more)
    yield event("response.content_part.done", **place, part=_part(job, text))
    done = _message(job, text, "completed")
    yield event("response.output_item.done", output_index=0, item=done)
    yield event(f"response.{job.state}", response=whole(job, job.state, text))


def _error(error: OpenAiError) -> Mapping[str, object]:
    return {"code": error.code, "message": str(error), "param": None}


def _message(job: Job, text: str | None, status: str) -> dict[str, object]:
    return {
        "id": job.message_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [] if text is None else [_part(job, text)],
    }


def _part(job: Job, text: str) -> dict[str, object]:
    if job.plan.end == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
