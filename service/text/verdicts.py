"""What a call came to: the usage that is charged for, and which endings are charged. Pure.

In a file of its own because the owner of a call and the worker decide by it, and nothing else about
text is money."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from service.catalog.pricing import Counter
from service.jobs.entities import Failure
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    GenerationEvent,
    Refused,
    TokenUsage,
)
from service.text.entities import FAILURE_OF_REJECTION, TextFailure, bytes_of

REASONING_TOKENS = "reasoningTokens"
"""A part of the output tokens, which `usage` names besides."""


class Stop(StrEnum):
    """Why we ended a call ourselves."""

    CANCELLED = "cancelled"
    """Its user wants no more of it."""
    LIMIT = "length"
    """It wrote more than we take, or this process ends."""


@dataclass(frozen=True)
class Bounds:
    """What a call was held to, and how we count by ourselves."""

    input_tokens: int
    output_tokens: int
    bytes_per_token: int


@dataclass(frozen=True)
class TextVerdict:
    """The end of a call that delivered something. `usage` is what is to be priced, and was
    `estimated` by our own count where the vendor's cannot be used; `fault` says why. `failure`:
    it is not charged."""

    finish_reason: str
    usage: Mapping[str, int] = field(default_factory=dict)
    estimated: bool = False
    fault: str = ""
    failure: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether the call did not come to its own end."""
        return self.failure is not None or self.finish_reason == Stop.CANCELLED


def failure_without_output(last: GenerationEvent | None, stop: Stop | None) -> str:
    """The failure of a call that delivered nothing. Only a definite refusal is retryable: whatever
    was sent and not refused may have been billed."""
    if isinstance(last, Refused):
        return FAILURE_OF_REJECTION[last.reason]
    return Failure.CANCELLED if stop is Stop.CANCELLED else TextFailure.NO_RESPONSE


def loss_of(last: GenerationEvent | None, failure: str, bounds: Bounds) -> TextVerdict | None:
    """The verdict on a call that delivered nothing for that failure although its vendor bills it:
    by a report that can be used, or, where its user cancelled it, by the input, which was read.
    None where neither is known."""
    reported = last.usage if isinstance(last, Complete | BrokenOff | Refused) else None
    if reported is None or usage_fault(reported, bounds):
        if failure != Failure.CANCELLED:
            return None
        usage = own_count("", bounds)
        return TextVerdict(Stop.CANCELLED.value, usage, estimated=True, failure=failure)
    finish = last.finish_reason if isinstance(last, Complete) else FinishReason.OTHER
    return TextVerdict(finish.value, counted(reported), failure=failure)


def verdict_of(
    last: GenerationEvent | None, stop: Stop | None, text: str, bounds: Bounds
) -> TextVerdict:
    """The verdict on a call that wrote that text, which is not empty, and ended with that event
    (None: we closed it, or its reader broke)."""
    reported = last.usage if isinstance(last, Complete | BrokenOff | Refused) else None
    fault = usage_fault(reported, bounds) if reported else "no_usage"
    usage = own_count(text, bounds) if fault or not reported else counted(reported)
    if stop is not None and not isinstance(last, Complete):
        return TextVerdict(stop.value, usage, bool(fault))
    if isinstance(last, Complete):
        alarming = "" if last.cut_by_us else fault
        return TextVerdict(last.finish_reason.value, usage, bool(fault), alarming)
    # What is not charged is worth what we counted ourselves.
    return TextVerdict(
        FinishReason.OTHER.value,
        own_count(text, bounds),
        estimated=True,
        failure=TextFailure.PROVIDER_BROKE_OFF,
    )


def usage_fault(usage: TokenUsage, bounds: Bounds) -> str:
    """What makes a vendor's report unusable for a call that delivered something ("": nothing)."""
    parts = (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens)
    counts = (usage.input_tokens, usage.output_tokens, *parts)
    if any(type(count) is not int or count < 0 for count in counts):
        return "usage_negative"
    if not usage.input_tokens or not usage.output_tokens:
        return "usage_zero"
    if usage.input_tokens > bounds.input_tokens or usage.output_tokens > bounds.output_tokens:
        return "usage_above_bound"
    is_inside = usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens
    total = usage.input_tokens + usage.output_tokens
    if not is_inside or usage.reasoning_tokens > usage.output_tokens:
        return "usage_parts"
    return "" if usage.total_tokens in (None, total) else "usage_total"


def counted(usage: TokenUsage) -> Mapping[str, int]:
    """A vendor's report as prices count it: the counters of input have no part in common. What of
    the output was reasoning, where there was any, no price counts apart."""
    cached, written = usage.cached_input_tokens, usage.cache_write_tokens
    reasoning = {REASONING_TOKENS: usage.reasoning_tokens} if usage.reasoning_tokens else {}
    return {
        Counter.INPUT_TOKENS: usage.input_tokens - cached - written,
        Counter.CACHED_TOKENS: cached,
        Counter.CACHE_WRITE_TOKENS: written,
        Counter.OUTPUT_TOKENS: usage.output_tokens,
        **reasoning,
    }


def own_count(text: str, bounds: Bounds) -> Mapping[str, int]:
    """What we know without the vendor: the input as it was held, and the output by its bytes,
    rounded down."""
    written = min(bytes_of(text) // bounds.bytes_per_token, bounds.output_tokens)
    return {
        Counter.INPUT_TOKENS: bounds.input_tokens,
        Counter.CACHED_TOKENS: 0,
        Counter.CACHE_WRITE_TOKENS: 0,
        Counter.OUTPUT_TOKENS: written,
    }
