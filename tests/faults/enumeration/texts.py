"""A vendor of text without sockets: it follows a script, and each step of its stream is a call at a
door. Its books are what the judgement goes by."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.core.clock import Clock
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
from tests.faults.enumeration.run import Run
from tests.faults.library.effects import Kind, Reported

STALL_SECONDS = 20.0
USAGE = TokenUsage(21, 9, total_tokens=30)
WHOLE: tuple[GenerationEvent, ...] = (
    Output("A light"),
    Output("house by the sea."),
    Complete(FinishReason.STOP, USAGE),
)
# What is stored is compressed, and has chunks of its own beyond 16 KB.
_NOISE = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=30_000))
LONG = (Output(_NOISE), Complete(FinishReason.LENGTH, TokenUsage(21, 8000)))
LYING = (Output("A lighthouse."), Complete(FinishReason.STOP, TokenUsage(21, 10**6)))
BROKEN = (Output("A light"), BrokenOff(VendorFault.OVERLOADED, USAGE))
SILENT = (Complete(FinishReason.STOP, USAGE),)
REFUSED = (Refused(RejectionReason.BUSY),)
_FAULTS = {
    Reported.UNREACHED: VendorFault.CONNECTION_CUT,
    Reported.BROKEN: VendorFault.SERVER_ERROR,
    Reported.SILENCE: VendorFault.STALLED,
}


@dataclass
class Book:
    """One call: how often it was sent, what was passed on of its text, and by which event its
    stream ended (None: by none)."""

    request: GenerationRequest
    sends: int = 0
    passed: list[str] = field(default_factory=list)
    last: GenerationEvent | None = None

    @property
    def text(self) -> str:
        return "".join(self.passed)


class TextDoor:
    """Implements `service.providers.generation.TextProvider`."""

    name = "openai"

    def __init__(
        self, run: Run, clock: Clock, scripts: Sequence[Sequence[GenerationEvent]]
    ) -> None:
        """Each further call of a job follows the next script, the last one as often as it takes."""
        self.calls: dict[str, list[Book]] = {}
        self._run = run
        self._clock = clock
        self._scripts = scripts

    @contextmanager
    def generate(self, request: GenerationRequest) -> Iterator["TextStream"]:
        calls = self.calls.setdefault(request.job_id, [])
        script = self._scripts[min(len(calls), len(self._scripts) - 1)]
        calls.append(Book(request))
        yield TextStream(self._run, self._clock, calls[-1], script)

    def count_input(self, request: GenerationRequest) -> int | None:
        return None


class TextStream:
    """See `service.providers.generation.Generation`."""

    def __init__(
        self, run: Run, clock: Clock, book: Book, script: Sequence[GenerationEvent]
    ) -> None:
        self._run = run
        self._clock = clock
        self._book = book
        self._script = script
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def __iter__(self) -> Iterator[GenerationEvent]:
        for number, step in enumerate(self._script):
            event = self._met(number, step)
            if self._cancelled:
                return
            if isinstance(event, Output):
                self._book.passed.append(event.text)
            else:
                self._book.last = event
            yield event
            if not isinstance(event, Output):
                return

    def _met(self, number: int, step: GenerationEvent) -> GenerationEvent:
        """The event as it comes to pass, if it comes in time."""
        if self._cancelled:
            return step

        def send() -> GenerationEvent:
            self._book.sends += not number
            return step

        what = f"{'stream' if number else 'open the stream'}: {type(step).__name__}"
        event = self._run.meet(TextDoor.name, Kind.STREAM, what, send, self._fault(number))
        if self._clock.monotonic() < self._book.request.until:
            return event
        if self._book.passed:
            return Complete(FinishReason.LENGTH, None, cut_by_us=True)
        return BrokenOff(VendorFault.STALLED)

    def _fault(self, number: int) -> Callable[[Reported], GenerationEvent]:
        def respond(reported: Reported) -> GenerationEvent:
            if reported is Reported.SILENCE:
                self._run.clock.advance(STALL_SECONDS)
            if reported is Reported.UNREACHED and not number and not self._book.sends:
                return Refused(RejectionReason.UNAVAILABLE)
            return BrokenOff(_FAULTS[reported])

        return respond
