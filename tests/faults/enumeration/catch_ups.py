"""Catch-ups: Twitch without sockets, a request for one, and what must hold when all is over: a
whole that was delivered is charged what its steps used, and nothing else ever is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.catch_up.entities import CATCH_UP, CatchUpFailure, NewCatchUp
from service.catch_up.operations import CatchUps
from service.core.amounts import Amount, amount_of
from service.core.clock import Clock
from service.core.principal import Principal
from service.jobs.entities import Failure
from service.jobs.operations import Submission
from service.providers.base import (
    Broadcast,
    BroadcastLookup,
    FoundBroadcast,
    Indeterminate,
    NotFound,
    SoughtBroadcast,
)
from service.providers.generation import Complete, FinishReason, Message, Output, TokenUsage
from service.text.runs import Run as CallRun
from service.uploads.entities import Facts, UploadKind, UploadSource
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.run import Run
from tests.faults.enumeration.texts import Book
from tests.faults.library.effects import Kind, Reported
from tests.simulation.checks import plain, require

QUERY_SECONDS = 8.0
UPLOAD = "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
UPLOAD_SECONDS = 90
SETTINGS: dict[str, Any] = {"twitch_credentials_secret_name": "twitch"}
FOUND = FoundBroadcast(
    Broadcast("LighthouseTV", "Harbour", "https://www.twitch.tv/videos/7", video_id="7")
)
USED = TokenUsage(900, 50, total_tokens=950)
POINTS = ("[0:00:20] The lamp is lit.", "[0:00:40] A ship passes.")
STEP = (Output(POINTS[0] + "\n"), Output(POINTS[1]), Complete(FinishReason.STOP, USED))
# A long transcript has two parts.
OF_THE_SECOND = (Output("[0:29:40] It is day."), Complete(FinishReason.STOP, USED))
OF_THE_WHOLE = (
    Output(f"{POINTS[0]}\n[0:29:40] It is day."),
    Complete(FinishReason.STOP, USED),
)
MERGED = (STEP[:1] + STEP[2:], OF_THE_SECOND, OF_THE_WHOLE)
_FREE = {CatchUpFailure.BROADCAST_NOT_FOUND, Failure.PROVIDER_UNAVAILABLE}
_NOTHING = {"N": "0"}


@dataclass
class BroadcastDoor:
    """Implements `service.providers.base.BroadcastProvider`."""

    run: Run
    clock: Clock
    name: str = "twitch"

    def find(self, sought: SoughtBroadcast, until: float) -> BroadcastLookup:
        del sought

        def send() -> BroadcastLookup:
            return FOUND

        def respond(reported: Reported) -> BroadcastLookup:
            if reported is Reported.SILENCE:
                left = max(0.0, until - self.clock.monotonic())
                self.run.clock.advance(min(QUERY_SECONDS, left))
            return NotFound() if reported is Reported.UNSEEN else Indeterminate()

        return self.run.meet(self.name, Kind.QUERY, "find the broadcast", send, respond)


class Files:
    """Implements `Uploads.source`: one recording, whose link is another each time."""

    links = 0

    def source(self, user_id: str, upload_id: str, kind: UploadKind) -> UploadSource:
        del user_id, upload_id
        self.links += 1
        url = f"https://files.example.com/talk-{UPLOAD_SECONDS}s.mp3?signature={self.links}"
        return UploadSource(
            url, kind, "audio/mpeg", 1000, Facts(milliseconds=UPLOAD_SECONDS * 1000)
        )

    def address(self, user_id: str, upload_id: str) -> str:
        del user_id, upload_id
        return f"https://files.example.com/talk-{UPLOAD_SECONDS}s.mp3"


def begin(
    process: ServiceHarness, who: Principal, device: str, words_id: str, key: str | None
) -> Submission:
    """As the route does, of a transcript or of an upload. Raises what it raises."""
    work: Any = process.operations.call(CATCH_UP)
    name = "uploadId" if words_id == UPLOAD else "transcriptId"
    fields = work.form.schema().load({"videoId": "7", name: words_id})
    catch_ups = process.parts.get(CatchUps)
    begun = catch_ups.begin(NewCatchUp(who, device, work.form.read(who, fields), key))
    if isinstance(begun, CallRun):
        return Submission(catch_ups.finished(begun), begun.remaining)
    catch_ups.checked(begun.job)
    return begun


@dataclass(frozen=True)
class CatchUpVerdict:
    """The end of one catch-up, whose vendor took `calls`, of `steps` that a whole has. `content` is
    what its user can read."""

    job_id: str
    job: Mapping[str, Any]
    calls: Sequence[Book]
    steps: int
    content: Mapping[str, Any]
    was_disturbed: bool
    is_of_upload: bool

    def check(self) -> None:
        """Raises `Violation`."""
        captured, loss = (amount_of(plain(self.job.get(name, _NOTHING))) for name in _AMOUNTS)
        sent = [call for call in self.calls if call.sends]
        prompts = {call.request.messages for call in sent}
        once = len(prompts) == len(sent) and all(call.sends == 1 for call in sent)
        require(once, f"{self.job_id} took a step twice")
        if plain(self.job["status"]) == "SUCCEEDED":
            require(self._is_whole, f"{self.job_id} is charged for a part")
            used = self._used_by("", UPLOAD_SECONDS if self.is_of_upload else 0)
            require(captured == used, f"{self.job_id} captured {captured} of {used}")
            require(loss == 0, f"{self.job_id} is charged and lost")
            self._delivered()
            return
        require(captured == 0, f"{self.job_id} failed and was charged {captured}")
        self._failed(str(plain(self.job.get("error"))), loss)

    def _failed(self, failure: str, loss: Amount) -> None:
        require(self.was_disturbed, f"{self.job_id} failed by itself: {failure}")
        known = {*_FREE, *_COSTLY, Failure.INTERRUPTED}
        require(failure in known, f"{self.job_id} failed with {failure}")
        if failure in _FREE:
            require(not any(call.text for call in self.calls), f"{self.job_id} has a free failure")
        if failure == Failure.INTERRUPTED and "result" not in self.job:
            require(loss == 0, f"{self.job_id} has lost {loss} by nothing")
            return
        # Whether a recording was taken whose request got no response, no one may ever know.
        audio = (0, UPLOAD_SECONDS) if self.is_of_upload else (0,)
        possible = {self._used_by(failure, seconds) for seconds in audio}
        require(loss in possible, f"{self.job_id} lost {loss}, not {possible}")
        if failure == Failure.INTERRUPTED and self._is_whole:
            self._delivered()

    def _delivered(self) -> None:
        found = self.content.get("summary") or ()
        require(len(found) == len(POINTS), f"{self.job_id} delivers {found}")

    @property
    def _is_whole(self) -> bool:
        ends = [call.last for call in self.calls]
        whole = [end for end in ends if isinstance(end, Complete) and not end.cut_by_us]
        return len(whole) == len(ends) == self.steps

    def _used_by(self, failure: str, seconds: int) -> Amount:
        """So many seconds of a recording, and what the vendor reports of each step, or else our own
        count of what it wrote; of one that is cancelled before it wrote, what it read."""
        is_cancelled = failure == Failure.CANCELLED
        counts = [_count(call, is_cancelled=is_cancelled) for call in self.calls]
        given, written = (sum(each) for each in zip((0, 0), *counts, strict=True))
        # In sixtieths of a millionth, since a minute costs a hundredth.
        return -(-(60 * (2 * given + 8 * written) + 10_000 * seconds) // 60_000)


_AMOUNTS = ("captured", "houseLoss")
_COSTLY = {CatchUpFailure.CATCH_UP_BROKE_OFF, Failure.CANCELLED}


def _count(call: Book, *, is_cancelled: bool) -> tuple[int, int]:
    """Tokens in and out."""
    usage = call.last.usage if isinstance(call.last, Complete) else None
    if usage is not None:
        return usage.input_tokens, usage.output_tokens
    read = _bound(call.request.messages)
    if not call.text:
        return (read, 0) if is_cancelled and call.last is None else (0, 0)
    return read, min(len(call.text.encode()) // 4, call.request.max_output_tokens)


def _bound(messages: Sequence[Message]) -> int:
    """The prompts, and what frames them."""
    return 64 + sum(len(each.text.encode()) + 16 for each in messages)
