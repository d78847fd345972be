"""A request for text, what may go wrong with it, and what a call came to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from service.core.errors import BadGateway, InvalidRequest, NotFound, RateLimited, Unavailable
from service.core.principal import Principal
from service.jobs.entities import ContentRejected, Failure, ProviderBusy, ProviderUnavailable
from service.jobs.work import FailureText
from service.ledger.entities import EXAMPLE_JOB
from service.providers.base import RejectionReason
from service.providers.generation import Message

ROUTE = "POST /ai/generate"
MAX_MESSAGES = 100
MAX_PROMPT_BYTES = 200_000
# Roles, separators and the first word of the response, by any vendor's template.
FRAMING_TOKENS = 64
FRAMING_TOKENS_A_MESSAGE = 16


class TextFailure(StrEnum):
    """Why a call ended without being charged, beyond what can happen to any job."""

    CONTENT_REJECTED = "CONTENT_REJECTED"
    PROMPT_TOO_LONG = "PROMPT_TOO_LONG"
    NO_RESPONSE = "NO_RESPONSE"
    PROVIDER_BROKE_OFF = "PROVIDER_BROKE_OFF"


class PromptTooLong(InvalidRequest):
    """More than the model's context window takes, the response included."""

    code = TextFailure.PROMPT_TOO_LONG.value
    summary = "The prompt and its response do not fit into the model. Nothing was charged."
    advice = "Shorten the prompt, request fewer `maxTokens`, or choose another `model`."


class PromptUnusable(InvalidRequest):
    """Neither a prompt nor messages, both, more than we take, or a conversation that no user
    begins. The message says which."""

    code = "PROMPT_UNUSABLE"
    summary = f"Send `prompt` or `messages`, of at most {MAX_PROMPT_BYTES:,} bytes in all."


class MaxTokensTooLow(InvalidRequest):
    """Less than the model's vendor takes, or than the model needs to write anything."""

    code = "MAX_TOKENS_TOO_LOW"
    summary = "The model needs more `maxTokens` than that. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"minimum": 1024}
    advice = "Request at least `details.minimum`, leave `maxTokens` out, or choose another `model`."


class SamplingNotSupported(InvalidRequest):
    """More than the model's vendor takes, or any at all where the model takes none."""

    code = "SAMPLING_NOT_SUPPORTED"
    summary = "The model does not take that temperature or top_p. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"param": "temperature", "maximum": 1}
    advice = (
        "Send at most `details.maximum`; where it is null, leave the field out, or choose another "
        "`model`."
    )


class UnknownModel(InvalidRequest):
    """Names the models on offer, so that the caller can choose one."""

    code = "UNKNOWN_MODEL"
    summary = "There is no such model."
    details_example: ClassVar[Mapping[str, object]] = {"knownModels": ["gpt-4.1-mini"]}


class NoResponse(BadGateway):
    """Nothing came of the call, and nothing more can."""

    code = TextFailure.NO_RESPONSE.value
    summary = "No response came from the provider. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = "Send the request again, with another `Idempotency-Key` if you sent one."


class ProviderBrokeOff(BadGateway):
    """The vendor's own fault after it had begun to write. The job has what came."""

    code = TextFailure.PROVIDER_BROKE_OFF.value
    summary = "The provider broke off in the middle. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    advice = "The part that came is in the job, at no charge."


class TextSaturated(Unavailable):
    """Everybody's calls of this process. Nothing was written, and an idempotency key stays free."""

    code = "TEXT_SATURATED"
    summary = "Too many texts are being written at once. Nothing was charged; try again shortly."
    retry_after = 5


class TooManyTexts(RateLimited):
    """One user's calls of this process. Nothing was written, and an idempotency key stays free."""

    code = "TOO_MANY_TEXTS"
    summary = "Too many of your texts are being written at once. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 5}
    retry_after = 5


class TextNotFound(NotFound):
    code = "TEXT_NOT_FOUND"
    summary = "There is no such text."


FAILURES: Mapping[str, FailureText] = {
    TextFailure.CONTENT_REJECTED: FailureText(ContentRejected.summary, ContentRejected),
    TextFailure.PROMPT_TOO_LONG: FailureText(PromptTooLong.summary, PromptTooLong),
    TextFailure.NO_RESPONSE: FailureText(NoResponse.summary, NoResponse),
    TextFailure.PROVIDER_BROKE_OFF: FailureText(ProviderBrokeOff.summary, ProviderBrokeOff),
    Failure.PROVIDER_BUSY: FailureText(ProviderBusy.summary, ProviderBusy),
    Failure.PROVIDER_UNAVAILABLE: FailureText(ProviderUnavailable.summary, ProviderUnavailable),
    Failure.GENERATION_FAILED: FailureText("The provider could not write it. Nothing was charged."),
    Failure.INTERRUPTED: FailureText(
        "The call was interrupted on our side. Nothing was charged; if its text comes to light, it "
        "is free."
    ),
    Failure.CANCELLED: FailureText("It was cancelled before anything came. Nothing was charged."),
}

FAILURE_OF_REJECTION: Mapping[RejectionReason, str] = {
    RejectionReason.IMAGE: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.AUDIO: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.LANGUAGE: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.CONTENT: TextFailure.CONTENT_REJECTED,
    RejectionReason.CONTEXT: TextFailure.PROMPT_TOO_LONG,
    RejectionReason.BUSY: Failure.PROVIDER_BUSY,
    RejectionReason.UNAVAILABLE: Failure.PROVIDER_UNAVAILABLE,
}


@dataclass(frozen=True)
class TextBody:
    """What a client requests. `model` is the name as sent, None where it names none, and
    `max_tokens` is None where it leaves that to us; so are `temperature` and `top_p`. Once it is
    `fitted`, `output_tokens` bounds the response, `input_tokens` the prompt, and `is_limited` says
    that the balance did."""

    messages: tuple[Message, ...]
    model: str | None = None
    max_tokens: int | None = None
    output_tokens: int = 0
    input_tokens: int = 0
    is_limited: bool = False
    temperature: float | None = None
    top_p: float | None = None

    @property
    def facts(self) -> tuple[str, ...]:
        """What must be the same for the same idempotency key."""
        said = (part for each in self.messages for part in (each.role.value, each.text))
        sampling = (self.temperature, self.top_p)
        chosen = (str(sampling),) if sampling != (None, None) else ()
        return (self.model or "", str(self.max_tokens), *said, *chosen)


@dataclass(frozen=True)
class NewText:
    """A request for one text, by one user from one device ("": unknown), through that route.
    Without an idempotency key, one that `is_remembered` leads its retries to its job, and
    `is_retry` says that it is one."""

    principal: Principal
    fingerprint: str
    body: TextBody
    idempotency_key: str | None = None
    request_id: str = ""
    route: str = ROUTE
    is_remembered: bool = False
    is_retry: bool = False


def conversation(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages, if they can be sent to a vendor. Raises `PromptUnusable` for more than we
    take, and for what is no text."""
    said = tuple(messages)
    try:
        size = sum(bytes_of(each.text) for each in said)
    except UnicodeEncodeError:
        raise PromptUnusable("A lone surrogate is no character.") from None
    if not said or len(said) > MAX_MESSAGES or size > MAX_PROMPT_BYTES:
        raise PromptUnusable
    return said


def bytes_of(text: str) -> int:
    return len(text.encode())


def input_bound(messages: tuple[Message, ...]) -> int:
    """At least as many tokens as any tokenizer makes of these messages: no token stands for less
    than one byte."""
    framing = FRAMING_TOKENS + FRAMING_TOKENS_A_MESSAGE * len(messages)
    return framing + sum(bytes_of(each.text) for each in messages)


@dataclass(frozen=True)
class HistoryEntry:
    """A text that was written, and the newest message that it responds to."""

    job_id: str
    prompt: str
    response: str
    model: str
    tokens_used: int
    created_at: int
