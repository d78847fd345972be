"""The interface of every vendor of text: a request is sent once, and its response is read as a
stream of events, whether or not our own client wants it as a stream.

In a file of its own because a task that is polled (`base`) and a response that is read have nothing
in common."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from service.providers.base import RejectionReason


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    role: Role
    text: str


@dataclass(frozen=True)
class GenerationRequest:
    """What is sent. `job_id` is for the vendor's metadata and our logs only: no vendor finds a
    response again by it. The vendor is held to `max_output_tokens`. Every wait ends by the
    monotonic time `until`. `temperature` and `top_p` are how the next token is chosen (None: as
    the vendor does by itself)."""

    job_id: str
    model_id: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    until: float
    temperature: float | None = None
    top_p: float | None = None


@dataclass(frozen=True)
class TokenUsage:
    """What a vendor reports. `cached_input_tokens` and `cache_write_tokens` are parts of
    `input_tokens`, `reasoning_tokens` a part of `output_tokens`, whatever the vendor's own sums
    contain: each adapter converts. `total_tokens` is what the vendor calls the sum of input and
    output, None if it names none. Unchecked: it may be a lie."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int | None = None


class FinishReason(StrEnum):
    """Why a response that counts as whole ended (`protocol.md` 10, 3). `OTHER`: for a reason that
    is not in the reviewed list of the vendor's own faults."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT = "content"
    OTHER = "other"


class VendorFault(StrEnum):
    """How a vendor breaks off by its own fault, after output: the reviewed list of what is not
    charged."""

    CONNECTION_CUT = "connection_cut"
    STALLED = "stalled"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    THROTTLED = "throttled"


@dataclass(frozen=True)
class Output:
    """A piece of what the model wrote. Pieces are never empty."""

    text: str


@dataclass(frozen=True)
class Complete:
    """The response's end. `usage` is None where the vendor reported none, or nothing that can be
    read as numbers; `cut_by_us`: because our own time limit came before its report."""

    finish_reason: FinishReason
    usage: TokenUsage | None
    cut_by_us: bool = False


@dataclass(frozen=True)
class Refused:
    """Definitely nothing to deliver: refused at once, by the first event, or never sent.
    `retry_after_seconds` is the vendor's own `Retry-After`. `usage` is what the vendor bills all
    the same, where it says so (a guardrail that withholds the output): house loss."""

    reason: RejectionReason
    retry_after_seconds: int | None = None
    usage: TokenUsage | None = None


@dataclass(frozen=True)
class BrokenOff:
    """The vendor ended by its own fault. Before the first `Output` of a request that was sent, what
    came of it is not known, and nothing more can come."""

    fault: VendorFault
    usage: TokenUsage | None = None


GenerationEvent = Output | Complete | Refused | BrokenOff
"""Any number of `Output`, then exactly one of the others, then nothing."""


class Generation(Protocol):
    """One response that is being read, by one thread. Iteration never raises: whatever goes wrong
    is its last event. Once `until` has passed, the last event is `Complete` with `LENGTH` after
    output, `BrokenOff` with `STALLED` before."""

    def __iter__(self) -> Iterator[GenerationEvent]: ...

    def cancel(self) -> None:
        """Closes the connection, from any thread, whatever the iteration waits for, and ends it
        without a last event. Before the first step, nothing is sent; nor on a connection that is
        being opened, which is given up when it is, within seconds."""
        ...


class TextProvider(Protocol):
    """A vendor of text."""

    name: str

    def generate(self, request: GenerationRequest) -> AbstractContextManager[Generation]:
        """The request is sent by the first step of the iteration, so that every wait can be
        cancelled: once, never again after an ambiguous send, and never by a second iteration, which
        is empty. Leaving the context closes the connection."""
        ...

    def count_input(self, request: GenerationRequest) -> int | None:
        """How many tokens the vendor counts in the input; None when it does not say in time."""
        ...


@dataclass(frozen=True)
class TextProviders:
    """The vendors of text that are configured, by name. A part of its own type, so that features
    find it."""

    by_name: Mapping[str, TextProvider] = field(default_factory=dict)

    def adding(self, provider: TextProvider) -> "TextProviders":
        return TextProviders({**self.by_name, provider.name: provider})
