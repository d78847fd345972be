"""Chat completions as JSON, and as chunks (https://platform.openai.com/docs/api-reference/chat).

A stream reports usage only on request, in a last chunk without choices, and ends with `[DONE]`."""

import json
from collections.abc import Iterable, Iterator

from devstack.simulators.openai.errors import event_error
from devstack.simulators.openai.responses import Job, usage_of

_REASONS = {"stop": "stop", "refusal": "stop", "length": "length", "content": "content_filter"}


def completion(job: Job) -> dict[str, object]:
    """The whole completion."""
    refused = job.plan.end == "refusal"
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if refused else job.plan.text,
        "refusal": job.plan.text if refused else None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(job)}
    return {**_head(job, "chat.completion"), "choices": [choice], "usage": chat_usage(job)}


def chunks(job: Job, tokens: Iterable[str], error: str | None, late: bool) -> Iterator[bytes]:
    """The stream. `error` is the code of an error inside of it, before the tokens or `late`, where
    they end."""
    if error is not None and not late:
        yield _error(error)
        return
    field = "refusal" if job.plan.end == "refusal" else "content"
    yield _chunk(job, {"role": "assistant", "content": "", "refusal": None})
    for token in tokens:
        yield _chunk(job, {field: token})
    if error is not None:
        yield _error(error)
        return
    if job.script.failure:
        yield _error(job.script.failure)
        return
    yield _chunk(job, {}, _reason(job))
    if job.request.with_usage:
        content = {
            **_head(job, "chat.completion.chunk"),
            "choices": [],
            "usage": chat_usage(job),
        }
        yield _data(content)
    yield b"data: [DONE]\n\n"


def chat_usage(job: Job) -> dict[str, object] | None:
    """The same numbers under the names of chat completions."""
    usage = usage_of(job.plan, job.script)
    if usage is None:
        return None
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
        "prompt_tokens_details": usage["input_tokens_details"],
        "completion_tokens_details": usage["output_tokens_details"],
    }


def _chunk(job: Job, delta: dict[str, object], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    content: dict[str, object] = {**_head(job, "chat.completion.chunk"), "choices": [choice]}
    if job.request.with_usage:
        content["usage"] = None
    return _data(content)


def _head(job: Job, kind: str) -> dict[str, object]:
    return {
        "id": job.id.replace("resp_", "chatcmpl-"),
        "object": kind,
        "created": job.created_at,
        "model": job.request.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _reason(job: Job) -> str:
    return _REASONS.get(job.plan.end, "stop")


def _error(code: str) -> bytes:
    return _data({"error": event_error(code).content})


def _data(content: object) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()
