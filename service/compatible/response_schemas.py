"""The Responses API, as OpenAI's clients send and read it
(https://platform.openai.com/docs/api-reference/responses).

In a file of its own because its vocabulary is another than that of chat completions."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from service.compatible.entities import Written, id_of, max_tokens_of, model_of
from service.compatible.fields_schemas import (
    ROLES,
    CommonSchema,
    Neutral,
    OpenSchema,
    Said,
    content_of,
)
from service.compatible.schemas import messages_of
from service.jobs.entities import Job
from service.providers.generation import FinishReason, Message, Role
from service.text.entities import MAX_MESSAGES, TextBody, conversation
from service.text.schemas import MAX_OUTPUT_TOKENS, MIN_OUTPUT_TOKENS
from service.web.schemas import Flag, IntegerInput, StrictSchema, Text, TextOrList

RESPONSE_PREFIX, MESSAGE_PREFIX = "resp_", "msg_"
COMPLETED, INCOMPLETE, FAILED, IN_PROGRESS = "completed", "incomplete", "failed", "in_progress"
MAX_ID = 100
EXAMPLE = {"model": "gpt-4.1-mini", "input": "Describe a lighthouse in one sentence."}
_REASONS = {FinishReason.CONTENT: "content_filter", FinishReason.LENGTH: "max_output_tokens"}
_EXAMPLE_ID = "resp_01kb7r3v6q8f2x0m4n5p6q7r8s"


class InputPartSchema(OpenSchema):
    """A part of a message."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(
            ["input_text", "output_text"], error="Only texts are supported here."
        ),
        metadata={"description": "", "example": "input_text"},
    )
    text = Said(
        may_be_blank=True,
        required=True,
        metadata={"description": "The text.", "example": "Be brief."},
    )
    annotations = Neutral([])
    logprobs = Neutral([])


class InputItemSchema(OpenSchema):
    """One message of a conversation; one that was returned can be sent back as it is."""

    type = Neutral("message")
    role = fields.String(
        required=True,
        validate=validate.OneOf(ROLES),
        metadata={"description": "Whose message it is.", "example": "user"},
    )
    content = content_of(InputPartSchema)
    id = Text(
        load_default=None,
        allow_none=True,
        max_length=MAX_ID,
        metadata={"description": "Changes nothing."},
    )
    status = Neutral(COMPLETED, INCOMPLETE, IN_PROGRESS)
    phase = Neutral()


class ResponseStreamOptionsSchema(OpenSchema):
    include_obfuscation = Flag(
        load_default=False, allow_none=True, metadata={"description": "Changes nothing."}
    )


class ResponseRequestSchema(CommonSchema):
    """The body of `POST /v1/responses`."""

    input = TextOrList(
        Said(),
        fields.List(fields.Nested(InputItemSchema), validate=validate.Length(1, MAX_MESSAGES)),
        {
            "description": "A text, or a conversation, the newest message last. But for those of "
            "system and developer, the first one is the user's.",
            "example": "Describe a lighthouse in one sentence.",
        },
    )
    instructions = Said(
        load_default=None,
        allow_none=True,
        metadata={"description": "What the system says first.", "example": "Be brief."},
    )
    max_output_tokens = IntegerInput(
        load_default=None,
        allow_none=True,
        validate=validate.Range(MIN_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS),
        metadata={"description": "How long the text may be at most, in tokens.", "example": 200},
    )
    stream_options = fields.Nested(ResponseStreamOptionsSchema, load_default=None, allow_none=True)
    text = Neutral({"format": {"type": "text"}}, {})
    truncation = Neutral("disabled")
    background = Neutral(False)
    include = Neutral([])
    previous_response_id = Neutral()
    conversation = Neutral()
    prompt = Neutral()
    reasoning = Neutral()
    max_tool_calls = Neutral()


def _whole(description: str, example: int) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description, "example": example})


class InputDetailsSchema(StrictSchema):
    cached_tokens = _whole("Those from the vendor's cache.", 0)
    cache_write_tokens = _whole("Those that went into it.", 0)


class OutputDetailsSchema(StrictSchema):
    reasoning_tokens = _whole("Those of reasoning, where the vendor counts them.", 0)


class ResponseUsageSchema(StrictSchema):
    """What was used."""

    input_tokens = _whole("", 20)
    input_tokens_details = fields.Nested(InputDetailsSchema, required=True)
    output_tokens = _whole("", 10)
    output_tokens_details = fields.Nested(OutputDetailsSchema, required=True)
    total_tokens = _whole("", 30)


class OutputPartSchema(StrictSchema):
    """The text of a message."""

    type = fields.Constant("output_text", required=True, metadata={"type": "string"})
    text = fields.String(
        required=True, metadata={"description": "The text.", "example": "It stands at the sea."}
    )
    annotations = fields.List(fields.Dict(), required=True, metadata={"example": []})
    logprobs = fields.List(fields.Dict(), required=True, metadata={"example": []})


class OutputMessageSchema(StrictSchema):
    """The message that was written."""

    id = fields.String(
        required=True,
        metadata={"description": "Its id.", "example": "msg_01kb7r3v6q8f2x0m4n5p6q7r8s"},
    )
    type = fields.Constant("message", required=True, metadata={"type": "string"})
    status = fields.String(
        required=True,
        validate=validate.OneOf([COMPLETED, INCOMPLETE, IN_PROGRESS]),
        metadata={"description": "Whether it is whole.", "example": COMPLETED},
    )
    role = fields.Constant("assistant", required=True, metadata={"type": "string"})
    content = fields.List(fields.Nested(OutputPartSchema), required=True)


class IncompleteDetailsSchema(StrictSchema):
    reason = fields.String(
        required=True,
        validate=validate.OneOf(list(_REASONS.values())),
        metadata={"description": "Why it is not whole.", "example": "max_output_tokens"},
    )


class ResponseErrorSchema(StrictSchema):
    code = fields.String(required=True, metadata={"description": "", "example": "server_error"})
    message = fields.String(required=True, metadata={"description": "", "example": "It failed."})


def _null(description: str) -> fields.String:
    return fields.String(
        required=True, allow_none=True, metadata={"description": description, "example": None}
    )


class ResponseObjectSchema(StrictSchema):
    """A response."""

    id = fields.String(
        required=True,
        metadata={
            "description": "`resp_` and what follows `job_` in the id of its job.",
            "example": _EXAMPLE_ID,
        },
    )
    object = fields.Constant("response", required=True, metadata={"type": "string"})
    created_at = _whole("Epoch seconds.", 1_796_000_000)
    status = fields.String(
        required=True,
        validate=validate.OneOf([COMPLETED, INCOMPLETE, FAILED, IN_PROGRESS]),
        metadata={"description": "How it ended.", "example": COMPLETED},
    )
    background = fields.Boolean(required=True, metadata={"example": False})
    error = fields.Nested(ResponseErrorSchema, required=True, allow_none=True)
    incomplete_details = fields.Nested(IncompleteDetailsSchema, required=True, allow_none=True)
    instructions = _null("As requested.")
    max_output_tokens = _whole("How long it may be; as requested, or as we chose.", 200)
    metadata = fields.Dict(required=True, metadata={"description": "As requested.", "example": {}})
    model = fields.String(
        required=True, metadata={"description": "Which model wrote it.", "example": "gpt-4.1-mini"}
    )
    output = fields.List(fields.Nested(OutputMessageSchema), required=True)
    parallel_tool_calls = fields.Boolean(required=True, metadata={"example": True})
    previous_response_id = _null("Null.")
    store = fields.Boolean(required=True, metadata={"example": False})
    temperature = fields.Float(required=True, allow_none=True, metadata={"example": None})
    text = fields.Dict(required=True, metadata={"example": {"format": {"type": "text"}}})
    tool_choice = fields.String(required=True, metadata={"example": "auto"})
    tools = fields.List(fields.Dict(), required=True, metadata={"example": []})
    top_p = fields.Float(required=True, allow_none=True, metadata={"example": None})
    truncation = fields.String(required=True, metadata={"example": "disabled"})
    usage = fields.Nested(ResponseUsageSchema, required=True, allow_none=True)
    user = _null("As requested.")


def response_text(given: Mapping[str, Any]) -> TextBody:
    """The request for a text in a body that `ResponseRequestSchema` has loaded. Raises
    `PromptUnusable`."""
    said = given["input"]
    items = [{"role": "user", "content": said}] if isinstance(said, str) else said
    first = [Message(Role.SYSTEM, given["instructions"])] if given["instructions"] else []
    return TextBody(
        conversation([*first, *messages_of(items)]),
        given["model"],
        given["max_output_tokens"],
        temperature=given["temperature"],
        top_p=given["top_p"],
    )


def message_body(job: Job, status: str, text: str | None) -> dict[str, object]:
    """The one message of a response; `text` is None before there is any."""
    return {
        "id": id_of(MESSAGE_PREFIX, job),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [] if text is None else [part_body(text)],
    }


def part_body(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def open_body(given: Mapping[str, Any], job: Job) -> dict[str, object]:
    """The response before its end, with what was requested."""
    return {
        "id": id_of(RESPONSE_PREFIX, job),
        "object": "response",
        "created_at": job.created_at // 1000,
        "status": IN_PROGRESS,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": given["instructions"],
        "max_output_tokens": max_tokens_of(job),
        "metadata": given["metadata"] or {},
        "model": model_of(job),
        "output": [],
        "parallel_tool_calls": given["parallel_tool_calls"] is not False,
        "previous_response_id": None,
        "store": False,
        "temperature": given["temperature"],
        "text": {"format": {"type": "text"}},
        "tool_choice": given["tool_choice"] or "auto",
        "tools": [],
        "top_p": given["top_p"],
        "truncation": "disabled",
        "usage": None,
        "user": given["user"],
    }


def response_body(given: Mapping[str, Any], written: Written) -> dict[str, object]:
    """The whole response."""
    reason = _REASONS.get(FinishReason(written.finish_reason))
    status = INCOMPLETE if reason else COMPLETED
    return {
        **open_body(given, written.job),
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [message_body(written.job, status, written.text)],
        "usage": _usage(written),
    }


def failed_body(given: Mapping[str, Any], job: Job, message: str) -> dict[str, object]:
    """The response of a text that broke off; the error codes of responses are OpenAI's alone."""
    error = {"code": "server_error", "message": message}
    return {**open_body(given, job), "status": FAILED, "error": error}


def _usage(written: Written) -> dict[str, object]:
    details = {
        "cached_tokens": written.cached_tokens,
        "cache_write_tokens": written.cache_write_tokens,
    }
    return {
        "input_tokens": written.input_tokens,
        "input_tokens_details": details,
        "output_tokens": written.output_tokens,
        "output_tokens_details": {"reasoning_tokens": written.reasoning_tokens},
        "total_tokens": written.input_tokens + written.output_tokens,
    }
