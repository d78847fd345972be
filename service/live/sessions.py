"""One live session in the relay's event loop: audio up, utterances down, credits extended
meanwhile, and its one end.

In a file of its own because nothing else of a session waits for a socket. Every wait is bounded;
times are those of the clock, looked at every `tick_seconds`."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from websockets.exceptions import ConnectionClosed

from service.core.amounts import credits_number
from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.jobs.entities import Job
from service.ledger.entities import InsufficientCredits, StaleRead
from service.ledger.limits import DailyLimitReached, LossLimitReached
from service.live.entities import CLOSES, Ending, OpenSession, has_transcript
from service.live.operations import Live, Outcome
from service.live.slices import FrameLimit, Meter, charged_seconds
from service.live.utterances import Segment, Speech, message_of
from service.providers.speech import BrokenOff, Ended, SpeechStream, Utterance

log = structlog.get_logger()

Result = TypeVar("Result")
RETRY_SECONDS = 2.0
MAX_TEXT_MESSAGE = 1024
# The vendor takes 50 to 1,000 ms of audio at once.
CHUNK_MILLISECONDS = 100
MIN_CHUNK_MILLISECONDS = 50


class InThread(Protocol):
    """Runs what blocks in one of a bounded number of threads."""

    def __call__(self, work: Callable[[], Result]) -> Awaitable[Result]: ...


class Client(Protocol):
    """The client's end of the session."""

    async def recv(self) -> str | bytes: ...

    async def send(self, message: str) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


@dataclass(frozen=True)
class SessionLimits:
    """How long a session waits for what. `queue` is how many messages a client may be behind."""

    max_seconds: int
    idle_seconds: float
    silence_seconds: float
    tick_seconds: float = 0.25
    segment_seconds: float = 15.0
    closing_seconds: float = 8.0
    send_seconds: float = 10.0
    queue: int = 64


class Session:
    """Relays one session whose first slice is held, from its beginning to its settlement."""

    def __init__(
        self,
        opened: OpenSession,
        client: Client,
        stream: SpeechStream,
        live: Live,
        clock: Clock,
        metrics: Metrics,
        limits: SessionLimits,
        in_thread: InThread,
    ) -> None:
        self._job = opened.job
        self._caller = opened.caller
        self._client = client
        self._stream = stream
        self._live = live
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._in_thread = in_thread
        rate = opened.body.bytes_per_second
        self._meter = Meter(rate, clock.monotonic(), opened.seconds, opened.until)
        self._chunk_bytes = _whole_samples(opened, CHUNK_MILLISECONDS)
        self._min_chunk_bytes = _whole_samples(opened, MIN_CHUNK_MILLISECONDS)
        self._max_message_bytes = rate
        self._frames = FrameLimit(self._meter.began)
        self._speech = Speech()
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._reported: Ended | None = None
        self._fault = ""
        self._out: asyncio.Queue[str] = asyncio.Queue(limits.queue)
        self._spoken_at = self._meter.began
        self._retry_at = 0.0
        self._segments = 0
        self._unsaved: Segment | None = None
        self._saved_at = self._meter.began
        self._last: Ending | None = None
        self._background: dict[str, asyncio.Task[None]] = {}

    def end(self, ending: Ending) -> None:
        """Ends the session; only the first word counts."""
        if not self._ended.done():
            self._ended.set_result(ending)

    async def run(self) -> None:
        """Returns once the session is settled, or must be left to the worker."""
        self._queue(
            {"type": "ready", "jobId": self._job.job_id, "secondsHeld": self._meter.seconds}
        )
        parts = (self._listen(), self._keep(), self._follow(), self._write())
        listening, keeping, following, writing = map(asyncio.ensure_future, parts)
        try:
            ending = await self._ended
            await _stopped(listening, keeping)
            await self._finish_upstream(following)
            await _stopped(following)
            # What holds more, or stores a segment, is to be known before the session is settled.
            if self._background:
                await asyncio.wait(self._background.values(), timeout=self._limits.closing_seconds)
            job = await self._settled(ending)
            self._count(ending, job)
            await self._say_goodbye(ending, job)
        finally:
            await _stopped(listening, keeping, following, writing, *self._background.values())
            await self._stream.close()

    # Up: audio.

    async def _listen(self) -> None:
        """Reads no faster than audio is relayed: a client that sends more waits."""
        rest = b""
        try:
            while True:
                message = await self._client.recv()
                if not self._frames.take(self._clock.monotonic()):
                    self.end(Ending.TOO_MANY_FRAMES)
                    return
                if isinstance(message, str):
                    if rest and len(rest) >= self._min_chunk_bytes:
                        await self._relay(rest)
                    self.end(_ending_of(message))
                    return
                if len(message) > self._max_message_bytes:
                    self.end(Ending.BAD_MESSAGE)
                    return
                rest += message
                while len(rest) >= self._chunk_bytes:
                    await self._relay(rest[: self._chunk_bytes])
                    rest = rest[self._chunk_bytes :]
        except ConnectionClosed:
            self.end(Ending.CLIENT_GONE)

    async def _relay(self, audio: bytes) -> None:
        """Nothing beyond what is held, by our own clock and count."""
        while not self._ended.done():
            wait = self._meter.wait_seconds(len(audio), self._clock.monotonic())
            if not wait:
                await self._stream.send(audio)
                self._meter.count(len(audio))
                return
            await asyncio.sleep(min(wait, self._limits.tick_seconds))

    # Down: utterances.

    async def _follow(self) -> None:
        async for event in self._stream.events():
            match event:
                case Utterance():
                    self._spoken_at = self._clock.monotonic()
                    self._speech.add(event)
                    self._queue(message_of(event))
                case Ended():
                    self._reported = event
                case BrokenOff():
                    self._fault = event.fault
                    if event.is_too_fast:
                        self.end(Ending.TOO_FAST)
        self.end(Ending.VENDOR_FAULT)

    def _queue(self, message: Mapping[str, object]) -> None:
        """A client that is too far behind is cut off: its transcript is stored."""
        try:
            self._out.put_nowait(json.dumps(message, ensure_ascii=False))
        except asyncio.QueueFull:
            self.end(Ending.SLOW_CLIENT)

    async def _write(self) -> None:
        try:
            while True:
                message = await self._out.get()
                async with asyncio.timeout(self._limits.send_seconds):
                    await self._client.send(message)
                self._out.task_done()
        except TimeoutError:
            self.end(Ending.SLOW_CLIENT)
        except ConnectionClosed:
            self.end(Ending.CLIENT_GONE)

    # Credits and time.

    async def _keep(self) -> None:
        while not self._ended.done():
            now = self._clock.monotonic()
            self._check(now)
            if self._meter.seconds >= self._limits.max_seconds:
                self._last = Ending.TOO_LONG
            if self._meter.is_due(now) and self._last is None and now >= self._retry_at:
                self._start("extend", self._extend)
            if now - self._saved_at >= self._limits.segment_seconds:
                self._start("save", self._save)
            await asyncio.sleep(self._limits.tick_seconds)

    def _check(self, now: float) -> None:
        if now >= self._meter.until:
            self.end(self._last or Ending.NOT_EXTENDED)
        elif now - self._meter.began >= self._limits.max_seconds:
            self.end(Ending.TOO_LONG)
        elif self._meter.lag_seconds(now) > self._limits.idle_seconds:
            self.end(Ending.NO_AUDIO)
        elif now - self._spoken_at >= self._limits.silence_seconds:
            self.end(Ending.NO_SPEECH)

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        running = self._background.get(name)
        if running is None or running.done():
            self._background[name] = asyncio.ensure_future(_shielded(work))

    async def _extend(self) -> None:
        """What is held counts once it is stored. Without an outcome it is tried again until the end
        of what is held; refused, it is not."""
        try:
            work = partial(self._live.extend, self._job, self._meter.seconds, self._caller)
            self._job, seconds = await self._in_thread(work)
        except (DailyLimitReached, LossLimitReached) as error:
            self._is_refused(error)
        except (Unavailable, RateLimited) as error:
            log.warning("session_not_extended", job_id=self._job.job_id, reason=error.code)
            self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        except (FareboxError, StaleRead) as error:
            self._is_refused(error)
        else:
            self._meter.extend(seconds)
            self._queue({"type": "extended", "secondsHeld": self._meter.seconds})

    def _is_refused(self, error: Exception) -> None:
        code = error.code if isinstance(error, FareboxError) else "STALE"
        log.info("session_extension_refused", job_id=self._job.job_id, reason=code)
        left = max(0, round(self._meter.until - self._clock.monotonic()))
        is_poor = isinstance(error, InsufficientCredits)
        self._last = Ending.CREDITS_ENDED if is_poor else Ending.EXTENSION_REFUSED
        word = "credits" if is_poor else "ending"
        self._queue({"type": word, "secondsLeft": left})

    async def _save(self) -> None:
        """The same segment again until it is stored: what it says never changes."""
        if self._unsaved is None:
            self._unsaved = self._speech.next_segment(self._segments, self._meter.relayed_seconds)
        segment = self._unsaved
        try:
            await self._in_thread(partial(self._live.save, self._job, segment))
        except (FareboxError, OverflowError) as error:
            log.warning("segment_not_saved", job_id=self._job.job_id, reason=type(error).__name__)
            self._saved_at = self._clock.monotonic() - self._limits.segment_seconds + RETRY_SECONDS
            return
        self._unsaved = None
        self._segments += 1
        self._saved_at = self._clock.monotonic()

    # The end.

    async def _finish_upstream(self, following: "asyncio.Future[None]") -> None:
        """The rest of the transcript, and the vendor's own count, within seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.closing_seconds):
                await self._stream.finish()
                await asyncio.shield(following)

    async def _settled(self, ending: Ending) -> Job | None:
        """The job as settled; None where it must be left to the worker."""
        settle = self._settlement(ending)
        while True:
            try:
                return await self._in_thread(settle)
            except (Unavailable, RateLimited) as error:
                log.warning("session_not_settled", job_id=self._job.job_id, reason=error.code)
            except Exception:
                log.exception("session_not_settled", job_id=self._job.job_id)
                return None
            if self._clock.now() + RETRY_SECONDS * 1000 >= self._job.hard_at:
                return None
            await asyncio.sleep(min(RETRY_SECONDS, 4 * self._limits.tick_seconds))

    def _count(self, ending: Ending, job: Job | None) -> None:
        self._metrics.count(Metric.LIVE_ENDINGS, ending=ending.value)
        if job is None:
            self._metrics.count(Metric.LIVE_NOT_SETTLED)

    def _settlement(self, ending: Ending) -> Callable[[], Job]:
        """Nothing is charged where the vendor returned nothing at all, not even its own end."""
        if self._speech.is_empty and self._reported is None:
            seconds = self._meter.relayed_seconds
            return partial(self._live.lose, self._job, ending.value, seconds)
        seconds, fault = charged_seconds(
            self._meter.relayed_seconds, self._reported, has_words=not self._speech.is_empty
        )
        transcript, billed = self._speech.transcript(), self._billed_seconds()
        outcome = Outcome(ending.value, seconds, transcript, fault, billed)
        return partial(self._live.conclude, self._job, outcome)

    def _billed_seconds(self) -> int:
        """The vendor's session, as it reports it, else by our clock; at most what is held."""
        lasted = int(self._clock.monotonic() - self._meter.began)
        if self._reported is not None and self._reported.session_seconds is not None:
            lasted = self._reported.session_seconds
        return min(lasted, self._meter.seconds)

    async def _say_goodbye(self, ending: Ending, job: Job | None) -> None:
        log.info(
            "session_ended",
            job_id=self._job.job_id,
            ending=ending.value,
            relayed_seconds=self._meter.relayed_seconds,
            fault=self._fault,
        )
        close = CLOSES[ending]
        # The client's own close stands behind the audio that it is still sending.
        discarding = asyncio.ensure_future(self._discard())
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(self._limits.send_seconds):
                if ending not in (Ending.CLIENT_GONE, Ending.SLOW_CLIENT):
                    self._queue(_done_message(self._job, job, ending))
                    await self._out.join()
                await self._client.close(close.code, ending.value)
        await _stopped(discarding)

    async def _discard(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self._client.recv()


def _whole_samples(opened: OpenSession, milliseconds: int) -> int:
    samples = opened.body.sample_rate * milliseconds // 1000
    return samples * opened.body.encoding.sample_bytes


def _ending_of(message: str) -> Ending:
    """The one thing that a client says in words is that it has finished."""
    if len(message) <= MAX_TEXT_MESSAGE:
        with suppress(ValueError, RecursionError):
            if json.loads(message) == {"type": "finish"}:
                return Ending.FINISHED
    return Ending.BAD_MESSAGE


def _done_message(open_job: Job, job: Job | None, ending: Ending) -> dict[str, object]:
    """Without a settled job the client gets it from `GET /jobs/{id}`, soon."""
    result: Mapping[str, Any] = (job.result if job else None) or {}
    return {
        "type": "done",
        "jobId": open_job.job_id,
        "ending": ending.value,
        "status": job.status.value if job else open_job.status.value,
        "audioSeconds": result.get("audioSeconds"),
        "captured": credits_number(job.captured) if job else None,
        "transcriptUrl": f"/transcriptions/{job.job_id}" if job and has_transcript(job) else None,
    }


async def _shielded(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        log.exception("session_work_broke")


async def _stopped(*tasks: "asyncio.Future[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
