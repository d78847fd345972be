"""Validates requests as OpenAI does: unknown parameters, wrong types and values out of range are
refused by name."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.simulators.language.model import CONTEXT_TOKENS, count_tokens
from devstack.simulators.openai.errors import OpenAiError

MODELS = ("gpt-5.2", "gpt-5.2-mini", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4.1-mini")
MIN_OUTPUT_TOKENS = 16
MAX_METADATA = 16

_MODEL = re.compile(r"(?:openai\.)?(?:gpt-|o\d|chatgpt-)[A-Za-z0-9.:_-]{0,80}")
_ROLES = ("user", "assistant", "system", "developer")
# What this simulator does; what the vendor has besides is refused, not ignored.
_RESPONSE_FIELDS = {
    "model": str,
    "input": (str, list),
    "instructions": str,
    "max_output_tokens": int,
    "metadata": dict,
    "store": bool,
    "stream": bool,
    "temperature": (int, float),
    "top_p": (int, float),
    "truncation": str,
    "user": str,
    "safety_identifier": str,
    "service_tier": str,
}
_CHAT_FIELDS = {
    "model": str,
    "messages": list,
    "max_completion_tokens": int,
    "max_tokens": int,
    "metadata": dict,
    "n": int,
    "store": bool,
    "stream": bool,
    "stream_options": dict,
    "temperature": (int, float),
    "top_p": (int, float),
    "user": str,
    "safety_identifier": str,
    "service_tier": str,
}
_COUNT_FIELDS = {"model": str, "input": (str, list), "instructions": str, "truncation": str}
_NOT_SIMULATED = {
    *("background", "conversation", "include", "parallel_tool_calls", "previous_response_id"),
    *("prompt", "reasoning", "text", "tool_choice", "tools", "top_logprobs", "max_tool_calls"),
    *("stop", "seed", "response_format", "logprobs", "audio", "functions", "function_call"),
}
_NAMES = {str: "a string", int: "an integer", dict: "an object", bool: "a boolean", list: "a list"}


@dataclass(frozen=True)
class TextRequest:
    """A valid request. `texts` are all its messages."""

    model: str
    texts: tuple[str, ...]
    max_tokens: int | None
    metadata: Mapping[str, str]
    stored: bool
    streamed: bool
    with_usage: bool

    @property
    def job_id(self) -> str | None:
        return self.metadata.get("job_id")


def parse_response_request(body: bytes) -> TextRequest:
    """A request for `POST /v1/responses`. Raises `OpenAiError`."""
    fields = _checked(body, _RESPONSE_FIELDS, required=("model", "input"))
    return _request(fields, _input_texts(fields), "max_output_tokens", MIN_OUTPUT_TOKENS, True)


def parse_count_request(body: bytes) -> tuple[str, ...]:
    """The messages of a request for `POST /v1/responses/input_tokens`. Raises `OpenAiError`."""
    fields = _checked(body, _COUNT_FIELDS, required=("model", "input"))
    _check_model(fields["model"])
    return _input_texts(fields)


def parse_chat_request(body: bytes) -> TextRequest:
    """A request for `POST /v1/chat/completions`. Raises `OpenAiError`."""
    fields = _checked(body, _CHAT_FIELDS, required=("model", "messages"))
    if fields.get("n", 1) != 1:
        raise OpenAiError("unsupported_value", "Only one choice is simulated.", "n")
    name = "max_tokens" if "max_tokens" in fields else "max_completion_tokens"
    options = fields.get("stream_options", {})
    if options and not fields.get("stream"):
        raise OpenAiError(
            None, "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )  # fmt: skip
    with_usage = options.get("include_usage") is True
    texts = tuple(_messages(fields["messages"], "messages"))
    return _request(fields, texts, name, 1, with_usage)


def _request(
    fields: Mapping[str, Any], texts: tuple[str, ...], maximum: str, minimum: int, with_usage: bool
) -> TextRequest:
    _check_model(fields["model"])
    limit = fields.get(maximum)
    if limit is not None and limit < minimum:
        raise OpenAiError(
            "integer_below_min_value",
            f"Invalid '{maximum}': integer below minimum value. Expected a value >= {minimum}, "
            f"but got {limit} instead.",
            maximum,
        )
    if count_tokens(texts) > CONTEXT_TOKENS:
        raise OpenAiError("context_length_exceeded", param="input")
    return TextRequest(
        fields["model"],
        texts,
        limit,
        _metadata(fields),
        fields.get("store", True),
        fields.get("stream", False),
        with_usage,
    )


def _checked(body: bytes, known: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise OpenAiError(None, "We could not parse the JSON body of your request.") from None
    if not isinstance(fields, dict):
        raise OpenAiError("invalid_type", "The body must be a JSON object.")
    given = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        _check_field(name, value, known)
    for name in required:
        if name not in given:
            raise OpenAiError(
                "missing_required_parameter", f"Missing required parameter: '{name}'.", name
            )
    return given


def _check_field(name: str, value: object, known: Mapping[str, Any]) -> None:
    if name in _NOT_SIMULATED:
        raise OpenAiError("unsupported_parameter", f"'{name}' is not simulated.", name)
    if name not in known:
        raise OpenAiError("unknown_parameter", f"Unknown parameter: '{name[:64]}'.", name[:64])
    kind = known[name]
    is_flag = isinstance(value, bool) and kind is not bool
    if is_flag or not isinstance(value, kind):
        expected = _NAMES.get(kind, "another type")
        raise OpenAiError("invalid_type", f"Invalid type for '{name}': expected {expected}.", name)


def _check_model(name: str) -> None:
    if not _MODEL.fullmatch(name):
        raise OpenAiError(
            "model_not_found",
            f"The model '{name[:64]}' does not exist or you do not have access to it.",
            "model",
        )


def _input_texts(fields: Mapping[str, Any]) -> tuple[str, ...]:
    given = fields["input"]
    texts = [given] if isinstance(given, str) else list(_messages(given, "input"))
    instructions = fields.get("instructions")
    return (*([instructions] if instructions else []), *texts)


def _messages(messages: list[Any], name: str) -> list[str]:
    if not messages:
        raise OpenAiError("empty_array", f"Invalid '{name}': empty array.", name)
    return [_message(each, f"{name}[{number}]") for number, each in enumerate(messages)]


def _message(message: Any, name: str) -> str:
    if not isinstance(message, dict):
        raise OpenAiError("invalid_type", f"Invalid type for '{name}': expected an object.", name)
    if message.get("role") not in _ROLES:
        raise OpenAiError(
            "invalid_value",
            f"Invalid value. Supported values are: {', '.join(map(repr, _ROLES))}.",
            f"{name}.role",
        )
    content = message.get("content")
    if isinstance(content, list):
        return "".join(_part(part, f"{name}.content") for part in content)
    if not isinstance(content, str):
        raise OpenAiError(
            "invalid_type", f"Invalid type for '{name}.content': expected a string.", name
        )
    return content


def _part(part: Any, name: str) -> str:
    kinds = ("input_text", "output_text", "text")
    if not isinstance(part, dict) or part.get("type") not in kinds:
        raise OpenAiError("invalid_value", "Only parts of text are simulated.", name)
    if not isinstance(part.get("text"), str):
        raise OpenAiError("invalid_type", f"Invalid type for '{name}.text'.", name)
    return str(part["text"])


def _metadata(fields: Mapping[str, Any]) -> dict[str, str]:
    metadata: dict[str, str] = fields.get("metadata", {})
    for name, value in metadata.items():
        if len(metadata) > MAX_METADATA or len(name) > 64 or not isinstance(value, str):
            raise OpenAiError("invalid_type", "Invalid type for 'metadata'.", "metadata")
        if len(value) > 512:
            raise OpenAiError(
                "string_above_max_length", f"Invalid 'metadata.{name}': too long.", "metadata"
            )
    return metadata
