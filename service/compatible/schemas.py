"""Chat completions and models, as OpenAI's clients send and read them
(https://platform.openai.com/docs/api-reference/chat)."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import fields, validate

from service.compatible.entities import Written, id_of, model_of
from service.compatible.fields_schemas import (
    ROLES,
    CommonSchema,
    Neutral,
    OpenSchema,
    Said,
    content_of,
    is_said,
    joined,
)
from service.jobs.entities import Job
from service.providers.generation import FinishReason, Message, Role
from service.text.entities import MAX_MESSAGES, PromptUnusable, TextBody, conversation
from service.text.models import TextModel
from service.text.schemas import MAX_OUTPUT_TOKENS, MIN_OUTPUT_TOKENS
from service.web.schemas import Flag, IntegerInput, StrictSchema

COMPLETION_PREFIX = "chatcmpl-"
_TOKENS = validate.Range(MIN_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS)
_FINISH = {
    FinishReason.CONTENT: "content_filter",
    FinishReason.LENGTH: "length",
    FinishReason.STOP: "stop",
}
EXAMPLE = {
    "model": "gpt-4.1-mini",
    "messages": [{"role": "user", "content": "Describe a lighthouse in one sentence."}],
}


class ChatPartSchema(OpenSchema):
    """A part of a message."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(["text"], error="Only texts are supported here."),
        metadata={"description": "", "example": "text"},
    )
    text = Said(
        may_be_blank=True,
        required=True,
        metadata={"description": "The text.", "example": "Be brief."},
    )


class ChatMessageSchema(OpenSchema):
    """One message of a conversation; one that was returned can be sent back as it is."""

    role = fields.String(
        required=True,
        validate=validate.OneOf(ROLES),
        metadata={"description": "Whose message it is.", "example": "user"},
    )
    content = content_of(ChatPartSchema)
    refusal = Neutral()
    annotations = Neutral([])
    audio = Neutral()
    function_call = Neutral()
    tool_calls = Neutral([])


class StreamOptionsSchema(OpenSchema):
    """What a stream has besides the text."""

    include_usage = Flag(
        load_default=False,
        allow_none=True,
        metadata={"description": "Whether the last chunk has what was used.", "example": True},
    )
    include_obfuscation = Flag(
        load_default=False, allow_none=True, metadata={"description": "Changes nothing."}
    )


class ChatRequestSchema(CommonSchema):
    """The body of `POST /v1/chat/completions`."""

    messages = fields.List(
        fields.Nested(ChatMessageSchema),
        required=True,
        validate=validate.Length(1, MAX_MESSAGES),
        metadata={
            "description": "The conversation, the newest message last. But for those of system and "
            "developer, the first one is the user's."
        },
    )
    max_completion_tokens = IntegerInput(
        load_default=None,
        allow_none=True,
        validate=_TOKENS,
        metadata={"description": "How long the text may be at most, in tokens.", "example": 200},
    )
    max_tokens = IntegerInput(
        load_default=None,
        allow_none=True,
        validate=_TOKENS,
        metadata={"description": "The same by its older name; the smaller of both counts."},
    )
    stream_options = fields.Nested(StreamOptionsSchema, load_default=None, allow_none=True)
    n = Neutral(1)
    stop = Neutral([])
    seed = Neutral()
    logprobs = Neutral(False)
    logit_bias = Neutral({})
    frequency_penalty = Neutral(0)
    presence_penalty = Neutral(0)
    response_format = Neutral({"type": "text"})
    modalities = Neutral(["text"])
    functions = Neutral([])
    function_call = Neutral("auto", "none")
    audio = Neutral()
    prediction = Neutral()
    reasoning_effort = Neutral()
    verbosity = Neutral()
    web_search_options = Neutral()


class ChatUsageDetailsSchema(StrictSchema):
    cached_tokens = fields.Integer(
        required=True, metadata={"description": "Those from the vendor's cache.", "example": 0}
    )


class ChatOutputDetailsSchema(StrictSchema):
    reasoning_tokens = fields.Integer(
        required=True,
        metadata={
            "description": "Those of reasoning, where the vendor counts them.",
            "example": 0,
        },
    )


class ChatUsageSchema(StrictSchema):
    """What was used."""

    prompt_tokens = fields.Integer(required=True, metadata={"description": "", "example": 20})
    completion_tokens = fields.Integer(required=True, metadata={"description": "", "example": 10})
    total_tokens = fields.Integer(required=True, metadata={"description": "", "example": 30})
    prompt_tokens_details = fields.Nested(ChatUsageDetailsSchema, required=True)
    completion_tokens_details = fields.Nested(ChatOutputDetailsSchema, required=True)


class CompletionMessageSchema(StrictSchema):
    """What was written."""

    role = fields.Constant("assistant", required=True, metadata={"type": "string"})
    content = fields.String(
        required=True, metadata={"description": "The text.", "example": "It stands at the sea."}
    )
    refusal = fields.String(
        required=True, allow_none=True, metadata={"description": "Null: refusals are texts too."}
    )
    annotations = fields.List(
        fields.Dict(), required=True, metadata={"description": "None.", "example": []}
    )


class ChatChoiceSchema(StrictSchema):
    """The one choice."""

    index = fields.Integer(required=True, metadata={"description": "0", "example": 0})
    message = fields.Nested(CompletionMessageSchema, required=True)
    logprobs = fields.Dict(required=True, allow_none=True, metadata={"description": "Null."})
    finish_reason = fields.String(
        required=True,
        validate=validate.OneOf(list(_FINISH.values())),
        metadata={"description": "Why it ended.", "example": "stop"},
    )


class ChatCompletionSchema(StrictSchema):
    """A chat completion."""

    id = fields.String(
        required=True,
        metadata={
            "description": "`chatcmpl-` and what follows `job_` in the id of its job.",
            "example": "chatcmpl-01kb7r3v6q8f2x0m4n5p6q7r8s",
        },
    )
    object = fields.Constant("chat.completion", required=True, metadata={"type": "string"})
    created = fields.Integer(
        required=True, metadata={"description": "Epoch seconds.", "example": 1796000000}
    )
    model = fields.String(
        required=True, metadata={"description": "Which model wrote it.", "example": "gpt-4.1-mini"}
    )
    choices = fields.List(fields.Nested(ChatChoiceSchema), required=True)
    usage = fields.Nested(ChatUsageSchema, required=True)


class ModelSchema(StrictSchema):
    """A model on offer."""

    id = fields.String(
        required=True, metadata={"description": "Its name.", "example": "gpt-4.1-mini"}
    )
    object = fields.Constant("model", required=True, metadata={"type": "string"})
    created = fields.Integer(
        required=True, metadata={"description": "0: it is not known.", "example": 0}
    )
    owned_by = fields.String(
        required=True, metadata={"description": "Who runs it.", "example": "openai"}
    )


class ModelListSchema(StrictSchema):
    """The models on offer."""

    object = fields.Constant("list", required=True, metadata={"type": "string"})
    data = fields.List(fields.Nested(ModelSchema), required=True)


def chat_text(given: Mapping[str, Any]) -> TextBody:
    """The request for a text in a body that `ChatRequestSchema` has loaded. Raises
    `PromptUnusable`."""
    limits = [given[name] for name in ("max_completion_tokens", "max_tokens") if given[name]]
    return TextBody(
        conversation(messages_of(given["messages"])),
        given["model"],
        min(limits) if limits else None,
        temperature=given["temperature"],
        top_p=given["top_p"],
    )


def messages_of(items: Iterable[Mapping[str, Any]]) -> list[Message]:
    """What messages that were loaded say. One of the assistant that is blank, as a text can be that
    was returned, is left out: vendors refuse it. Raises `PromptUnusable` for any other."""
    messages = [Message(role_of(each["role"]), joined(each["content"])) for each in items]
    said = [each for each in messages if is_said(each.text)]
    if any(each.role is not Role.ASSISTANT for each in messages if not is_said(each.text)):
        raise PromptUnusable("A message must not be blank, but for the assistant's.")
    return said


def role_of(name: str) -> Role:
    """What OpenAI calls the developer is the system of other vendors."""
    return Role.SYSTEM if name == "developer" else Role(name)


def chat_head(job: Job, kind: str) -> dict[str, object]:
    """What a completion and its chunks begin with."""
    return {
        "id": id_of(COMPLETION_PREFIX, job),
        "object": kind,
        "created": job.created_at // 1000,
        "model": model_of(job),
    }


def chat_usage(written: Written) -> dict[str, object]:
    return {
        "prompt_tokens": written.input_tokens,
        "completion_tokens": written.output_tokens,
        "total_tokens": written.input_tokens + written.output_tokens,
        "prompt_tokens_details": {"cached_tokens": written.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": written.reasoning_tokens},
    }


def chat_finish(written: Written) -> str:
    return _FINISH[FinishReason(written.finish_reason)]


def chat_body(written: Written) -> dict[str, object]:
    """The whole completion."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": written.text,
        "refusal": None,
        "annotations": [],
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": chat_finish(written),
    }
    head = chat_head(written.job, "chat.completion")
    return {**head, "choices": [choice], "usage": chat_usage(written)}


def model_body(model: TextModel) -> dict[str, object]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.provider}


def model_list_body(models: tuple[TextModel, ...]) -> dict[str, object]:
    return {"object": "list", "data": [model_body(model) for model in models]}
