"""The relay over real sockets: in front of it a client, behind it the simulated AssemblyAI. Time is
a clock that stands until a test moves it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from devstack.simulators.assemblyai.sessions import LiveSessions
from devstack.simulators.assemblyai.sockets import STREAM_FAULTS, TOKEN_FAULTS, SpeechSockets
from devstack.simulators.faults import FaultBoard
from service.core.amounts import credits_of
from service.core.metrics import NoMetrics
from service.core.principal import Principal
from service.core.settings import Secret
from service.jobs.entities import Job
from service.live.entities import STREAM_PROTOCOL, LiveBody, NewSession
from service.live.feature import own_origins
from service.live.operations import Live
from service.live.serving import Relay, RelayLimits
from service.live.sessions import SessionLimits
from service.providers.assemblyai.credentials import AssemblyAiCredentials, AssemblyAiKeys
from service.providers.assemblyai.streaming import AssemblyAiSpeech
from service.providers.speech import SpeechProvider
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.web.small_app import Counts

KEY = "assemblyai-key-of-tests"
ORIGIN = "https://app.example.com"
RATE = 8000
# 16 bits a sample.
SECOND_OF_SPEECH = b"\x01\x02" * RATE
SECOND_OF_SILENCE = b"\0\0" * RATE
WAIT_SECONDS = 60.0
BODY = LiveBody(RATE)
# What a second costs, in thousandths: 0.01 a minute, rounded up.
SLICE = 20


@dataclass
class RelayWorld:
    """One process of each kind, over one table."""

    harness: ServiceHarness
    sockets: SpeechSockets
    faults: FaultBoard
    sessions: LiveSessions
    clock: FakeClock
    limits: SessionLimits
    relay_limits: RelayLimits
    counts: Counts = field(default_factory=Counts)
    relay: Relay = field(init=False)
    port: int = 0

    @property
    def live(self) -> Live:
        return self.harness.parts.get(Live)

    def ticket(self, user_id: str = "ann", body: LiveBody = BODY) -> str:
        who = Principal("https://accounts.google.com", user_id, f"{user_id}@example.com")
        return self.live.issue(NewSession(who, f"phone of {user_id}", body)).ticket

    def meets(self, fault: str, seconds: float = 0.0, count: int = 1) -> None:
        self.faults.arm("assemblyai", "stream", fault, count, seconds)

    def books(self) -> dict[str, Any]:
        """Of the only session."""
        (session,) = self.sessions.books()
        return session

    def job(self, job_id: str, user_id: str = "ann") -> Job:
        return self.harness.job(job_id, user_id)

    def jobs(self, user_id: str = "ann") -> list[Job]:
        return self.harness.jobs.page(user_id, 20, None).jobs

    def worker(self, seconds: float = 400.0) -> None:
        """The worker, until every lease has run out."""
        self.harness.work_until(seconds)

    def is_whole(self) -> bool:
        """Whether the audit finds nothing, and nothing is held."""
        assert [each.what for each in self.harness.audit().violations] == []
        return self.harness.wallet().held == 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["RelayWorld"]:
        self.relay = Relay(
            self.live,
            self.harness.parts.get(SpeechProvider),
            lambda: True,
            self.clock,
            self.counts,
            (ORIGIN,),
            own_origins("https://farebox.example/", "wss://Live.Farebox.example:443/stream"),
            self.relay_limits,
            self.limits,
        )
        server = await self.relay.start("127.0.0.1", 0)
        self.port = next(iter(server.sockets)).getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    @asynccontextmanager
    async def caller(
        self, ticket: str, *, origin: str | None = ORIGIN, in_query: bool = False
    ) -> AsyncIterator["Caller"]:
        query = f"?ticket={ticket}" if in_query else ""
        names = [] if in_query else [f"ticket.{ticket}"]
        async with connect(
            f"ws://127.0.0.1:{self.port}/transcriptions/stream{query}",
            subprotocols=[STREAM_PROTOCOL, *names],  # type: ignore[list-item]
            origin=origin,  # type: ignore[arg-type]
            compression=None,
            open_timeout=WAIT_SECONDS,
            close_timeout=1.0,
            proxy=None,
        ) as socket:
            caller = Caller(self, socket)
            reading = asyncio.ensure_future(caller.read())
            try:
                yield caller
            finally:
                reading.cancel()


class Caller:
    """A client of the relay."""

    def __init__(self, world: RelayWorld, socket: ClientConnection) -> None:
        self.world = world
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.code: int | None = None
        self.sent = 0
        self._next = 0

    async def read(self) -> None:
        """Everything that the relay sends, at once."""
        try:
            while True:
                self.messages.append(json.loads(await self.socket.recv()))
        except ConnectionClosed as error:
            self.code = error.rcvd.code if error.rcvd else 1006

    async def ready(self) -> str:
        """The id of the job."""
        message = await self.until("ready")
        return str(message["jobId"])

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of that kind."""

        def found() -> bool:
            while self._next < len(self.messages):
                self._next += 1
                if self.messages[self._next - 1]["type"] == kind:
                    return True
            return False

        await eventually(found)
        return self.messages[self._next - 1]

    async def speak(
        self, seconds: int, audio: bytes = SECOND_OF_SPEECH, *, is_awaited: bool = True
    ) -> None:
        """A second of audio after the other, as time passes; waits until the vendor has it."""
        for _ in range(seconds):
            await self.socket.send(audio)
            self.world.clock.advance(1.0)
            self.sent += 1
            if is_awaited:
                await self.world_has(self.sent)

    async def speak_to_the_end(self) -> int:
        """Goes on until the relay closes; returns its code."""
        with suppress(ConnectionClosed):
            for _ in range(400):
                await self.speak(1, is_awaited=False)
                await self._relayed()
        return await self.closed()

    async def _relayed(self) -> None:
        """Until the vendor has all that was sent, or the relay holds it back until the clock moves:
        with no wait, the clock would run away from a busy machine."""
        await eventually(
            lambda: self._has(self.sent) or self._is_held_back() or self.code is not None
        )

    def _is_held_back(self) -> bool:
        """False too while the session ends."""
        now = self.world.clock.monotonic()
        return any(
            not session._ended.done() and session._meter.wait_seconds(session._chunk_bytes, now) > 0
            for session in self.world.relay._sessions
        )

    async def world_has(self, seconds: int) -> None:
        await eventually(lambda: self._has(seconds))

    def _has(self, seconds: int) -> bool:
        """False too while the relay has not yet opened the vendor's session."""
        opened = self.world.sessions.books()
        return bool(opened) and int(str(self.world.books()["audio_seconds"])) >= seconds

    async def finish(self) -> dict[str, Any]:
        await self.socket.send('{"type": "finish"}')
        return await self.until("done")

    async def closed(self) -> int:
        """The code that the relay closes with."""
        await eventually(lambda: self.code is not None)
        return self.code or 0


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():
            await asyncio.sleep(0.002)


def make_world(sockets: SpeechSockets, **options: Any) -> RelayWorld:
    """`sockets` has been started by `simulated`."""
    clock = FakeClock()
    sessions, faults = sockets.sessions, sockets.faults
    assert sessions is not None
    assert faults is not None
    sessions.follow(clock)
    keys = AssemblyAiKeys(Secret(KEY), Secret("secret"))
    speech = AssemblyAiSpeech(
        f"ws://127.0.0.1:{sockets.port}/assemblyai",
        AssemblyAiCredentials(lambda: keys, clock),
        NoMetrics(),
        None,
    )
    replacements = {SpeechProvider: speech, **options.pop("replacements", {})}
    limits = SessionLimits(
        **{
            "max_seconds": 3600,
            "idle_seconds": 30.0,
            "silence_seconds": 60.0,
            "tick_seconds": 0.002,
            # They end what hangs: a machine that pauses must not.
            "closing_seconds": WAIT_SECONDS,
            "send_seconds": WAIT_SECONDS,
            **options.pop("limits", {}),
        }
    )
    relay_limits = RelayLimits(
        **{
            "sessions": 50,
            "sessions_of_user": 3,
            "threads": 4,
            "leave_seconds": 1000.0,
            "drain_seconds": 1000.0,
            **options.pop("relay_limits", {}),
        }
    )
    harness = memory_world(
        clock=clock,
        replacements=replacements,
        assemblyai_api_key_secret_name="assemblyai",
        public_url="https://farebox.example",
        **{"welcome_credits": 3} | options,
    )
    return RelayWorld(harness, sockets, faults, sessions, clock, limits, relay_limits)


def simulated() -> SpeechSockets:
    sockets = SpeechSockets("127.0.0.1", 0, KEY)
    known = {"stream": STREAM_FAULTS, "token": TOKEN_FAULTS}
    sockets.start(FaultBoard({"assemblyai": known}), LiveSessions(FakeClock()))
    return sockets


def captured(job: Job) -> object:
    return credits_of(job.captured)


def other(world: RelayWorld, **limits: Any) -> RelayWorld:
    return replace(world, limits=replace(world.limits, **limits))
