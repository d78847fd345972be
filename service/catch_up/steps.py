"""The steps of one catch-up, one after the other: a part is summarized by each, and the last one
merges what came of them. Nothing is stored or charged here.

In a file of its own because what the steps have used is money, however the whole ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from service.catch_up.bounds import part_tokens, whole_tokens
from service.catch_up.entities import CatchUpFailure, Part, Point
from service.catch_up.prompts import part_messages, whole_messages
from service.catch_up.stored import CatchUpVerdict
from service.catch_up.summaries import (
    MAX_POINTS,
    MAX_POINTS_OF_PART,
    MAX_WRITTEN_CHARACTERS,
    points_of,
    times_of,
)
from service.jobs.entities import Failure
from service.providers.base import Broadcast, RejectionReason
from service.providers.generation import (
    BrokenOff,
    Complete,
    GenerationEvent,
    GenerationRequest,
    Message,
    Output,
    Refused,
    TextProvider,
    VendorFault,
)
from service.text.entities import input_bound
from service.text.models import TextModel
from service.text.runs import Run
from service.text.verdicts import Bounds, Stop, TextVerdict, loss_of, verdict_of

log = structlog.get_logger()

_FAILURES: Mapping[RejectionReason, str] = {
    RejectionReason.CONTENT: CatchUpFailure.CONTENT_REJECTED,
    RejectionReason.BUSY: Failure.PROVIDER_BUSY,
    RejectionReason.UNAVAILABLE: Failure.PROVIDER_UNAVAILABLE,
}


class Failed(Exception):
    """The whole has failed, for that reason."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass
class Used:
    """What the steps have used so far. `is_sent`: one of them was, and may have been billed."""

    usage: dict[str, int] = field(default_factory=dict)
    estimated: bool = False
    fault: str = ""
    is_sent: bool = False

    def add(self, step: TextVerdict) -> None:
        self.is_sent = True
        for name, count in step.usage.items():
            self.usage[str(name)] = self.usage.get(str(name), 0) + count
        self.estimated |= step.estimated
        self.fault = self.fault or step.fault

    def verdict(self, points: int = 0, failure: str | None = None) -> CatchUpVerdict:
        return CatchUpVerdict(dict(self.usage), points, self.estimated, self.fault, failure)


class Steps:
    """Makes the calls of one catch-up by one model. Raises `Failed` where the whole cannot be
    had."""

    def __init__(self, model: TextModel, provider: TextProvider, run: Run, used: Used) -> None:
        self._model = model
        self._provider = provider
        self._run = run
        self._used = used

    def summarized(self, broadcast: Broadcast, parts: Sequence[Part]) -> tuple[Point, ...]:
        """The points of the whole. With one part, its own are."""
        notes: list[Point] = []
        for number, part in enumerate(parts, 1):
            messages = part_messages(broadcast, part, number, len(parts))
            written = self._written(messages, part_tokens(self._model))
            notes += self._points(written, times_of(part), MAX_POINTS_OF_PART)
        if len(parts) == 1:
            return tuple(notes)
        written = self._written(whole_messages(broadcast, tuple(notes)), whole_tokens(self._model))
        times = tuple(sorted({note.at for note in notes}))
        return self._points(written, times, MAX_POINTS)

    def _points(self, written: str, times: Sequence[int], limit: int) -> tuple[Point, ...]:
        points = points_of(written, times, limit)
        if not points:
            raise Failed(CatchUpFailure.SUMMARY_UNUSABLE)
        return points

    def _written(self, messages: tuple[Message, ...], max_tokens: int) -> str:
        """What one step writes, sent once."""
        self._require_running()
        bounds = Bounds(input_bound(messages), max_tokens, self._model.bytes_per_token)
        request = GenerationRequest(
            self._run.job.job_id, self._model.model_id, messages, max_tokens, self._run.until
        )
        text, last = self._response(request)
        if not text:
            raise Failed(self._without_output(last, bounds))
        step = verdict_of(last, self._run.stop, text, bounds)
        self._used.add(step)
        is_whole = isinstance(last, Complete) and not last.cut_by_us
        if not is_whole:
            self._require_running()
            raise Failed(CatchUpFailure.CATCH_UP_BROKE_OFF)
        return text

    def _require_running(self) -> None:
        """Raises `Failed` for a run that its user or this process has ended."""
        stop = self._run.stop
        if stop is not None:
            is_cancelled = stop is Stop.CANCELLED
            failure = Failure.CANCELLED if is_cancelled else CatchUpFailure.CATCH_UP_BROKE_OFF
            raise Failed(failure)

    def _response(self, request: GenerationRequest) -> tuple[str, GenerationEvent | None]:
        """What was written, and the last event; None for it where we ended the call ourselves."""
        pieces: list[str] = []
        size = 0
        try:
            with self._provider.generate(request) as generation:
                if not self._run.attach(generation):
                    return "", None
                for event in generation:
                    match event:
                        case Output(text):
                            pieces.append(text)
                            size += len(text)
                            if size > MAX_WRITTEN_CHARACTERS:
                                return "".join(pieces), BrokenOff(VendorFault.SERVER_ERROR)
                        case Complete() | Refused() | BrokenOff():
                            return "".join(pieces), event
        except Exception:
            log.exception("catch_up_step_broke", job_id=request.job_id)
        if self._run.stop is not None:
            return "".join(pieces), None
        return "".join(pieces), BrokenOff(VendorFault.CONNECTION_CUT)

    def _without_output(self, last: GenerationEvent | None, bounds: Bounds) -> str:
        """Why the whole fails by a step that delivered nothing. A refusal may be followed by
        another try under the same key only if nothing was sent before it."""
        was_sent = self._used.is_sent
        failure = self._failure(last)
        loss = loss_of(last, failure, bounds)
        if loss is not None:
            self._used.add(loss)
        if failure in (Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE):
            return CatchUpFailure.CATCH_UP_BROKE_OFF if was_sent or loss else failure
        return failure

    def _failure(self, last: GenerationEvent | None) -> str:
        if isinstance(last, Refused):
            return _FAILURES.get(last.reason, Failure.GENERATION_FAILED)
        is_cancelled = self._run.stop is Stop.CANCELLED
        return Failure.CANCELLED if is_cancelled else CatchUpFailure.CATCH_UP_BROKE_OFF
