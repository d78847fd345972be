"""A vendor of text with books of its own, of which every ending that `service.providers.generation`
allows can be expected."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from service.providers.base import RejectionReason
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Output,
    Refused,
    TokenUsage,
    VendorFault,
)
from tests.faults.library.random_faults import FaultPicker
from tests.simulation.journal import Journal
from tests.simulation.scheduler import Process, Scheduler, SimulatedEvent
from tests.streams.world import LIES

TEXT_FAULTS = (
    "text: busy",
    "text: content refused",
    "text: too long",
    "text: unavailable",
    "text: cut",
    "text: stall",
    "text: server error",
    "text: silent",
    "text: cut by content",
    "text: other end",
    "text: late",
    "text: no usage",
    "text: usage lie",
    "text: death before",
    "text: death",
    "text: pause",
)
BYTES_PER_TOKEN = 4
MAX_PAUSE_SECONDS = 400.0
TOO_LONG = 1000.0
_PIECE = "rivière gelée, "
_REFUSED = {
    "text: busy": RejectionReason.BUSY,
    "text: content refused": RejectionReason.CONTENT,
    "text: too long": RejectionReason.CONTEXT,
    "text: unavailable": RejectionReason.UNAVAILABLE,
}
_BROKEN = {
    "text: cut": VendorFault.CONNECTION_CUT,
    "text: stall": VendorFault.STALLED,
    "text: server error": VendorFault.SERVER_ERROR,
}
_FINISH = {"text: cut by content": FinishReason.CONTENT, "text: other end": FinishReason.OTHER}


@dataclass
class TextCall:
    """One call in the books. `text` is what was passed on, `last` the type of its last event by
    the vendor's own names, `ended_by` who else ended it; `usage` is what was reported."""

    request: GenerationRequest
    began_at: float
    text: str = ""
    last: str = ""
    ended_by: str = ""
    refused: RejectionReason | None = None
    usage: dict[str, Any] | None = None


@dataclass
class TextBooks:
    """The vendor itself, shared by all processes: its calls by our job id."""

    calls: dict[str, TextCall] = field(default_factory=dict)
    on_call: list[Callable[[TextCall], None]] = field(default_factory=list)

    def open(self, request: GenerationRequest, now: float) -> TextCall:
        call = TextCall(request, now)
        for listener in self.on_call:
            listener(call)
        self.calls[request.job_id] = call
        return call


class SimulatedTexts:
    """One process's door to the vendor. Implements `service.providers.generation.TextProvider`."""

    name = "openai"

    def __init__(
        self,
        scheduler: Scheduler,
        books: TextBooks,
        process: Process,
        picker: Callable[[], FaultPicker],
        journal: Journal,
        die: Callable[[], None],
    ) -> None:
        self.scheduler = scheduler
        self.books = books
        self.process = process
        self.picker = picker
        self.journal = journal
        self.die = die

    def generate(self, request: GenerationRequest) -> "SimulatedGeneration":
        return SimulatedGeneration(self, request)

    def count_input(self, request: GenerationRequest) -> int | None:
        """Does not say every fourth time."""
        self.scheduler.sleep(0.05)
        return _input_tokens(request) if self.scheduler.chance() < 0.75 else None


class SimulatedGeneration:
    """One response. Every piece is a scheduling point."""

    def __init__(self, door: SimulatedTexts, request: GenerationRequest) -> None:
        self._door = door
        self._request = request
        self._ended = SimulatedEvent(door.scheduler)
        self._ended_by = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """There is no connection to close."""

    def cancel(self) -> None:
        self._ended_by = "drained" if self._door.process.ends_calls else "cancelled"
        self._ended.set()

    def __iter__(self) -> Iterator[GenerationEvent]:
        door = self._door
        rng = random.Random(door.scheduler.running().rng.getrandbits(64))
        door.journal.count("provider calls")
        fault = door.picker().draw(rng)
        if fault:
            door.journal.count(fault)
        if fault == "text: death before":
            self._die()
        if self._ended.is_set():
            return
        call = door.books.open(self._request, door.scheduler.now)
        for event in self._events(call, fault, rng):
            if event is None:
                call.ended_by = self._ended_by
                return
            _record(call, event)
            yield event

    def _events(
        self, call: TextCall, fault: str, rng: random.Random
    ) -> Iterator[GenerationEvent | None]:
        """None where we ended it."""
        if door_closed := self._door.scheduler.now >= self._request.until:
            self._door.journal.count("text: too late to send")
        pieces = _pieces(fault, self._request, rng)
        fails_at = rng.randrange(len(pieces) + 1)
        delay = rng.choice((0.05, 0.3, 2.0))
        if door_closed:
            yield Refused(RejectionReason.UNAVAILABLE)
            return
        for number in range(len(pieces) + 1):
            if number == fails_at:
                self._meet(fault)
            never = fault == "text: late" and number == fails_at
            if not self._wait(TOO_LONG if never else delay * rng.random()):
                yield None if self._ended.is_set() else _out_of_time(call)
                return
            if fault in _REFUSED:
                yield Refused(_REFUSED[fault])
                return
            if fault in _BROKEN and number == fails_at:
                yield BrokenOff(_BROKEN[fault])
                return
            if number < len(pieces):
                yield Output(pieces[number])
        yield self._complete(call, fault, rng)

    def _complete(self, call: TextCall, fault: str, rng: random.Random) -> Complete:
        call.usage = _report(self._request, call.text, fault, rng)
        finish = _FINISH.get(fault, FinishReason.STOP)
        return Complete(finish, _token_usage(call.usage) if call.usage else None)

    def _wait(self, seconds: float) -> bool:
        """Returns whether the vendor's next event comes: not where we end the call first, or its
        time is over."""
        scheduler, until = self._door.scheduler, self._request.until
        if self._ended.wait(max(0.0, min(seconds, until - scheduler.now))):
            return False
        return scheduler.now < until

    def _meet(self, fault: str) -> None:
        if fault == "text: death":
            self._die()
        if fault == "text: pause":
            scheduler = self._door.scheduler
            self._door.process.paused_until = (
                scheduler.now + MAX_PAUSE_SECONDS ** scheduler.chance()
            )

    def _die(self) -> None:
        scheduler = self._door.scheduler
        scheduler.at(scheduler.now, self._door.die)
        scheduler.wait()


def _out_of_time(call: TextCall) -> GenerationEvent:
    if not call.text:
        return BrokenOff(VendorFault.STALLED)
    call.ended_by = "late"
    return Complete(FinishReason.LENGTH, None, cut_by_us=True)


def _record(call: TextCall, event: GenerationEvent) -> None:
    """By the names of the events that an OpenAI stream ends with."""
    match event:
        case Output(text):
            call.text += text
        case Complete(cut_by_us=False):
            call.last = "response.completed"
        case Refused(reason):
            call.refused = reason
        case BrokenOff():
            call.last = "error"


def _pieces(fault: str, request: GenerationRequest, rng: random.Random) -> list[str]:
    """What it would write, within the bound that it was sent."""
    if fault == "text: silent":
        return []
    text = _PIECE * rng.choice((1, 2, 5, 40))
    text = text[: request.max_output_tokens]
    size = -(-len(text) // rng.choice((1, 2, 5)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _input_tokens(request: GenerationRequest) -> int:
    return 8 + sum(len(each.text.encode()) // BYTES_PER_TOKEN for each in request.messages)


def _report(
    request: GenerationRequest, text: str, fault: str, rng: random.Random
) -> dict[str, Any] | None:
    """As OpenAI reports usage."""
    given = _input_tokens(request)
    hidden, cached = rng.choice((0, 0, 7)), rng.choice((0, 0, given // 2))
    written = min(request.max_output_tokens, hidden + len(text.encode()) // BYTES_PER_TOKEN)
    true: dict[str, Any] = {
        "input_tokens": given,
        "output_tokens": max(1, written),
        "total_tokens": given + max(1, written),
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": cached // 3},
        "output_tokens_details": {"reasoning_tokens": min(hidden, written)},
    }
    lie = rng.choice(LIES[1:]) or {}
    if fault == "text: no usage":
        return None
    return {**true, **lie} if fault == "text: usage lie" else true


def _token_usage(report: dict[str, Any]) -> TokenUsage:
    return TokenUsage(
        report["input_tokens"],
        report["output_tokens"],
        report["input_tokens_details"]["cached_tokens"],
        report["input_tokens_details"]["cache_write_tokens"],
        report["output_tokens_details"]["reasoning_tokens"],
        report["total_tokens"],
    )
