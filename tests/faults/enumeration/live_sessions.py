"""Live sessions: the relay's own loop between a client and a vendor without sockets, on the run's
clock, and what must hold when all is over: charged are whole seconds relayed, and no other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.exceptions import ConnectionClosedOK

from service.core.amounts import Amount, amount_of
from service.core.metrics import NoMetrics
from service.core.principal import Principal
from service.jobs.entities import Failure
from service.live.entities import Ending, LiveBody, LiveFailure, NewSession, OpenSession
from service.live.operations import Live
from service.live.sessions import Session, SessionLimits
from service.providers.speech import BrokenOff, Ended, SpeechEvent, SpokenWord, Utterance
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.run import Killed, Run
from tests.faults.library.effects import Kind, Meanwhile, Reported
from tests.simulation.checks import plain, require

SETTINGS: dict[str, Any] = {
    "assemblyai_api_key_secret_name": "assemblyai",
    "live_slice_seconds": 60,
}
RATE = 8000
BYTES_PER_SECOND = 2 * RATE
SECONDS = 70
STEP_SECONDS = 0.5
STALL_SECONDS = 20.0
# Of the machine's own time.
MAX_SECONDS = 60.0
# The second of the session at which each event of the vendor comes.
WORDS_AT = (5, 40)
LIMITS = SessionLimits(
    max_seconds=3600,
    idle_seconds=30.0,
    silence_seconds=60.0,
    tick_seconds=0.0,
    segment_seconds=25.0,
)
_FREE = {Failure.INTERRUPTED, LiveFailure.SESSION_BROKE_OFF, LiveFailure.NOTHING_RELAYED}
_NOTHING = {"N": "0"}

Result = TypeVar("Result")


@dataclass
class SpeechBook:
    """One session at the vendor: when it began and ended, and what it was sent."""

    began: float = 0.0
    ended: float = 0.0
    relayed_bytes: int = 0

    @property
    def lasted(self) -> int:
        return max(self.seconds, int(self.ended - self.began))

    @property
    def seconds(self) -> int:
        return self.relayed_bytes // BYTES_PER_SECOND


@dataclass
class SpeechDoor:
    """The vendor, with a book for each job."""

    run: Run
    clock: FakeClock
    books: dict[str, SpeechBook] = field(default_factory=dict)

    def opened(self, job_id: str) -> "Stream":
        require(job_id not in self.books, f"two sessions of {job_id}")
        now = self.clock.monotonic()
        self.books[job_id] = SpeechBook(now, now)
        return Stream(self.run, self.clock, self.books[job_id])


class Stream:
    """Implements `service.providers.speech.SpeechStream`: each of its events is a call at a
    door."""

    def __init__(self, run: Run, clock: FakeClock, book: SpeechBook) -> None:
        self._run = run
        self._clock = clock
        self._book = book
        self._is_finished = False

    async def send(self, audio: bytes) -> None:
        self._book.relayed_bytes += len(audio)

    async def finish(self) -> None:
        self._is_finished = True

    async def close(self) -> None:
        self._is_finished = True
        self._book.ended = self._clock.monotonic()

    async def events(self) -> AsyncIterator[SpeechEvent]:
        for number, at in enumerate(WORDS_AT):
            while self._clock.monotonic() < self._book.began + at and not self._is_finished:
                await asyncio.sleep(0)
            words = (SpokenWord(at * 1000, at * 1000 + 400, f"word{number}"),)
            event = self._met(Utterance(number, f"word{number}", words, is_final=True))
            yield event
            if isinstance(event, BrokenOff):
                return
        while not self._is_finished:
            await asyncio.sleep(0)
        self._book.ended = self._clock.monotonic()
        yield self._met(Ended(self._book.seconds, self._book.lasted))

    def _met(self, event: SpeechEvent) -> SpeechEvent:
        def respond(reported: Reported) -> SpeechEvent:
            if reported is Reported.SILENCE:
                self._run.clock.advance(STALL_SECONDS)
            return BrokenOff(reported.name.lower())

        what = f"speech: {type(event).__name__}"
        return self._run.meet("speech", Kind.STREAM, what, lambda: event, respond)


class Caller:
    """Implements `service.live.sessions.Client`: speaks for some time, and has finished."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._spoken = 0
        self._is_closed = False

    async def recv(self) -> str | bytes:
        self._spoken += 1
        while self._clock.monotonic() < self._began + self._spoken or self._spoken > SECONDS + 1:
            if self._is_closed:
                raise ConnectionClosedOK(None, None)
            await asyncio.sleep(0)
        return b"\x01\x02" * RATE if self._spoken <= SECONDS else '{"type": "finish"}'

    async def send(self, message: str) -> None:
        """Receives everything."""

    async def close(self, code: int, reason: str) -> None:
        self._is_closed = True


def talk(process: ServiceHarness, door: SpeechDoor, who: Principal, device: str) -> None:
    """One session from its ticket to its end. Raises `Killed` where its relay dies, and what
    opening it raises."""
    live = process.parts.get(Live)
    opened = live.open(live.issue(NewSession(who, device, LiveBody(RATE))).ticket)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_relayed(live, opened, door))
    except asyncio.CancelledError:
        raise Killed from None
    finally:
        loop.close()


async def _relayed(live: Live, opened: OpenSession, door: SpeechDoor) -> None:
    relay = asyncio.current_task()

    async def in_place(work: Callable[[], Result]) -> Result:
        try:
            return work()
        except Killed:
            if relay is not None:
                relay.cancel()
            raise

    stream = door.opened(opened.job.job_id)
    session = Session(
        opened, Caller(door.clock), stream, live, door.clock, NoMetrics(), LIMITS, in_place
    )
    door.run.others[Meanwhile.DRAIN] = lambda: session.end(Ending.RESTART)
    door.run.others[Meanwhile.USER] = lambda: session.end(Ending.CLIENT_GONE)
    passing = asyncio.ensure_future(_time_passes(door.clock))
    try:
        async with asyncio.timeout(MAX_SECONDS):
            await session.run()
    finally:
        passing.cancel()


async def _time_passes(clock: FakeClock) -> None:
    while True:
        clock.advance(STEP_SECONDS)
        for _ in range(4):
            await asyncio.sleep(0)


def price_of(seconds: int) -> Amount:
    """In thousandths: a hundredth of a credit a minute."""
    return -(-seconds * 10 // 60)


def check(job_id: str, job: Mapping[str, Any], door: SpeechDoor, *, was_disturbed: bool) -> None:
    """Raises `Violation`."""
    book = door.books.get(job_id, SpeechBook())
    captured, loss, held = (
        amount_of(plain(job.get(name, _NOTHING))) for name in ("captured", "houseLoss", "held")
    )
    require(price_of(book.seconds) <= held, f"{job_id} relayed {book.seconds} for {held}")
    result: Mapping[str, Any] = plain(job["result"]) if "result" in job else {}
    seconds = int(plain(result.get("audioSeconds", _NOTHING)))
    if plain(job["status"]) == "SUCCEEDED":
        require(seconds <= book.seconds, f"{job_id} counts {seconds} of {book.seconds}")
        require(captured == price_of(seconds) > 0, f"{job_id} captured {captured} for {seconds}")
        is_whole = plain(result["ending"]) != "interrupted"
        require(not is_whole or seconds == book.seconds, f"{job_id} counts {seconds} of all")
        require(was_disturbed or seconds == SECONDS, f"{job_id} ended after {seconds}")
        return
    failure = plain(job.get("error"))
    require(captured == 0, f"{job_id} failed and was charged {captured}")
    require(was_disturbed and failure in _FREE, f"{job_id} failed with {failure}")
    require(loss <= price_of(book.lasted), f"{job_id} lost {loss} by {book.lasted} seconds")
