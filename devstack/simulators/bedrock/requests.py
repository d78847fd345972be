"""Validates Converse requests as Bedrock does."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from devstack.simulators.bedrock.errors import TOO_LONG, BedrockError
from devstack.simulators.language.model import CONTEXT_TOKENS, count_tokens

MAX_OUTPUT_TOKENS = 8_192

_MODEL = re.compile(
    r"(?:(?:us|eu|apac|global)\.)?(?:amazon|anthropic|meta|mistral|cohere|openai|qwen|deepseek)"
    r"\.[A-Za-z0-9.:_-]{1,100}"
    r"|arn:aws:bedrock:[a-z0-9-]+:\d{12}:(?:application-)?inference-profile/[A-Za-z0-9.:_-]{1,100}"
)
_COUNTABLE = re.compile(r"anthropic\..+")
_FIELDS = {
    *("messages", "system", "inferenceConfig", "guardrailConfig", "requestMetadata"),
    *("serviceTier", "performanceConfig", "additionalModelRequestFields"),
    *("additionalModelResponseFieldPaths",),
}
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")


@dataclass(frozen=True)
class ConverseRequest:
    """A valid request. `texts` are the system's and all messages'."""

    model: str
    texts: tuple[str, ...]
    max_tokens: int
    metadata: Mapping[str, str]
    guarded: bool

    @property
    def job_id(self) -> str | None:
        return self.metadata.get("job_id")


def parse_converse(model: str, body: bytes) -> ConverseRequest:
    """A request for `Converse` or `ConverseStream`. Raises `BedrockError`."""
    _check_model(model)
    fields = _fields(body)
    if unknown := fields.keys() - _FIELDS:
        _invalid(f"Malformed input request: #: extraneous key [{min(unknown)}] is not permitted")
    texts = _conversation(fields)
    config = _object(fields, "inferenceConfig")
    limit = config.get("maxTokens", MAX_OUTPUT_TOKENS)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        _invalid("Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: at least 1")
    return ConverseRequest(model, texts, limit, _metadata(fields), _guarded(fields))


def parse_count(model: str, body: bytes) -> tuple[str, ...]:
    """The messages of a request for `CountTokens`. Raises `BedrockError`: Bedrock counts for some
    models only."""
    _check_model(model)
    if not _COUNTABLE.fullmatch(model):
        _invalid("The provided model doesn't support counting tokens.")
    wanted = _object(_fields(body), "input")
    return _conversation(_object(wanted, "converse"))


def _check_model(model: str) -> None:
    if not _MODEL.fullmatch(model):
        _invalid("The provided model identifier is invalid.")


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BedrockError("ValidationException", "The request body is not a JSON object.")
    return fields


def _conversation(fields: Mapping[str, Any]) -> tuple[str, ...]:
    system, messages = fields.get("system", []), fields.get("messages", [])
    if not isinstance(system, list) or not isinstance(messages, list) or not messages:
        _invalid("A conversation must start with a user message.")
    texts = [_text(block, "system") for block in system]
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role != ("assistant" if number % 2 else "user"):
            _invalid("A conversation must alternate between user and assistant roles.")
        content = message.get("content")
        if not isinstance(content, list) or not content:
            _invalid(f"The content field in the Message object at messages.{number} is empty.")
        texts.append("".join(_text(block, f"messages.{number}") for block in content))
    if count_tokens(texts) > CONTEXT_TOKENS:
        _invalid(TOO_LONG)
    return tuple(texts)


def _text(block: object, place: str) -> str:
    text = block.get("text") if isinstance(block, dict) and len(block) == 1 else None
    if not isinstance(text, str):
        _invalid(f"Only text is simulated, at {place}.")
    if not text.strip():
        _invalid(f"The text field in the ContentBlock object at {place} is blank.")
    return str(text)


def _metadata(fields: Mapping[str, Any]) -> dict[str, str]:
    metadata: dict[str, str] = dict(_object(fields, "requestMetadata"))
    for value in metadata.values():
        if len(metadata) > 16 or not isinstance(value, str) or not _METADATA.fullmatch(value):
            _invalid("Value at 'requestMetadata' failed to satisfy constraint.")
    return metadata


def _guarded(fields: Mapping[str, Any]) -> bool:
    config = _object(fields, "guardrailConfig")
    names = ("guardrailIdentifier", "guardrailVersion")
    if config and not all(isinstance(config.get(name), str) for name in names):
        _invalid("guardrailIdentifier and guardrailVersion are required together.")
    return bool(config)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise BedrockError("ValidationException", f"{name} must be an object.")
    return value


def _invalid(message: str) -> NoReturn:
    raise BedrockError("ValidationException", message)
