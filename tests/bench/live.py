"""What live sessions cost one relay.

The relay is a process of its own, over a table in its memory; clients and the simulated AssemblyAI
are here. Audio flows as fast as it is spoken."""

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psutil
from websockets.asyncio.client import connect

from devstack.simulators.assemblyai.sessions import LiveSessions
from devstack.simulators.assemblyai.sockets import STREAM_FAULTS, SpeechSockets
from devstack.simulators.faults import FaultBoard
from service.core.clock import SystemClock
from service.core.logs import configure
from service.core.metrics import NoMetrics
from service.core.principal import Principal
from service.core.settings import Secret
from service.live.entities import STREAM_PATH, STREAM_PROTOCOL, LiveBody, NewSession
from service.live.operations import Live
from service.live.serving import Relay, RelayLimits
from service.live.sessions import SessionLimits
from service.providers.assemblyai.credentials import AssemblyAiCredentials, AssemblyAiKeys
from service.providers.assemblyai.streaming import AssemblyAiSpeech
from service.providers.speech import SpeechProvider
from tests.bench.report import Table
from tests.doubles.service_harness import memory_world

KEY = "key-of-the-bench"
RATE = 16_000
FRAME_SECONDS = 0.1
FRAME = b"\x01\x02" * round(RATE * FRAME_SECONDS)
OPEN_AT_ONCE = 20


@dataclass(frozen=True)
class LiveCost:
    """Of a relay with so many sessions at once: errors, share of a core, and memory in MB."""

    sessions: int
    errors: int
    audio_seconds: int
    captured: int
    core_share: float
    idle_megabytes: float
    megabytes: float


def measured(sessions: int, seconds: float) -> LiveCost:
    """Holds that many sessions at once for that long."""
    sockets = SpeechSockets("127.0.0.1", 0, KEY)
    books = LiveSessions(SystemClock())
    sockets.start(FaultBoard({"assemblyai": {"stream": STREAM_FAULTS}}), books)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, sockets.port, sessions), daemon=True
    )
    process.start()
    try:
        port, tickets = ours.recv()
        watched = psutil.Process(process.pid)
        idle = watched.memory_info().rss / 1e6
        done, share, memory = asyncio.run(_talks(watched, port, tickets, seconds))
    finally:
        process.terminate()
        process.join(10)
        sockets.stop()
    audio = sum(int(str(each["audioSeconds"] or 0)) for each in done)
    captured = sum(round(1000 * float(str(each["captured"] or 0))) for each in done)
    return LiveCost(sessions, sessions - len(done), audio, captured, share, idle, memory)


async def _talks(
    watched: psutil.Process, port: int, tickets: list[str], seconds: float
) -> tuple[list[dict[str, Any]], float, float]:
    """What each session ended with; the share of a core and the memory while all were open."""
    gate, ready = asyncio.Semaphore(OPEN_AT_ONCE), asyncio.Event()
    open_now: list[int] = []
    tasks = [
        asyncio.ensure_future(_talk(port, ticket, seconds, gate, ready, open_now, len(tickets)))
        for ticket in tickets
    ]
    await asyncio.wait([asyncio.ensure_future(ready.wait())], timeout=120)
    began, before = time.monotonic(), sum(watched.cpu_times()[:2])
    await asyncio.sleep(seconds * 0.8)
    share = (sum(watched.cpu_times()[:2]) - before) / (time.monotonic() - began)
    memory = watched.memory_info().rss / 1e6
    found = await asyncio.gather(*tasks, return_exceptions=True)
    return [each for each in found if isinstance(each, dict)], share, memory


async def _talk(
    port: int,
    ticket: str,
    seconds: float,
    gate: asyncio.Semaphore,
    ready: asyncio.Event,
    open_now: list[int],
    wanted: int,
) -> dict[str, Any]:
    async with gate:
        socket = await connect(
            f"ws://127.0.0.1:{port}{STREAM_PATH}",
            subprotocols=[STREAM_PROTOCOL, f"ticket.{ticket}"],  # type: ignore[list-item]
            compression=None,
            proxy=None,
            open_timeout=60,
        )
        await socket.recv()
    open_now.append(1)
    if len(open_now) == wanted:
        ready.set()
    reading = asyncio.ensure_future(_done(socket))
    began = time.monotonic()
    sent = 0
    # All are open for that long together; each begins to speak when it is open.
    while not ready.is_set() or time.monotonic() < began + seconds:
        if ready.is_set() and not sent:
            began = time.monotonic()
        await socket.send(FRAME)
        sent += 1
        await asyncio.sleep(FRAME_SECONDS)
    await socket.send('{"type": "finish"}')
    done = await asyncio.wait_for(reading, 60)
    await socket.close()
    return done


async def _done(socket: Any) -> dict[str, Any]:
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == "done":
            return dict(message)


def _serve(pipe: Connection, vendor_port: int, sessions: int) -> None:
    clock = SystemClock()
    keys = AssemblyAiKeys(Secret(KEY), Secret("secret"))
    speech = AssemblyAiSpeech(
        f"ws://127.0.0.1:{vendor_port}/assemblyai",
        AssemblyAiCredentials(lambda: keys, clock),
        NoMetrics(),
        None,
    )
    world = memory_world(
        clock=clock,
        replacements={SpeechProvider: speech},
        assemblyai_api_key_secret_name="assemblyai",
        public_url="https://farebox.example",
        max_users=sessions + 1,
        live_ticket_seconds=600.0,
    )
    live = world.parts.get(Live)
    body = LiveBody(RATE)
    tickets = [
        live.issue(
            NewSession(Principal("https://accounts.google.com", f"u{at}"), f"device {at}", body)
        ).ticket
        for at in range(sessions)
    ]
    relay = Relay(
        live,
        speech,
        lambda: True,
        clock,
        NoMetrics(),
        (),
        (),
        RelayLimits(sessions + 10, 3, 16, 0.0, 10.0),
        SessionLimits(3600, 30.0, 60.0),
    )
    with open(os.devnull, "w") as nowhere:
        configure("INFO", "json", nowhere)
        asyncio.run(_until_stopped(relay, pipe, tickets))


async def _until_stopped(relay: Relay, pipe: Connection, tickets: list[str]) -> None:
    server = await relay.start("127.0.0.1", 0)
    pipe.send((next(iter(server.sockets)).getsockname()[1], tickets))
    await asyncio.Event().wait()


def run(quick: bool) -> Iterator[Table]:
    """200 sessions in one relay, for most of a minute."""
    cost = measured(20, 6.0) if quick else measured(200, 40.0)
    rows = [
        (
            str(cost.sessions),
            str(cost.errors),
            f"{cost.audio_seconds}",
            f"{cost.captured / 1000:.3f}",
            f"{cost.core_share:.2f}",
            f"{cost.idle_megabytes:.0f}",
            f"{cost.megabytes:.0f}",
        )
    ]
    yield Table(
        "Live sessions in one relay",
        (
            *("sessions", "errors", "seconds of audio", "credits", "of a core"),
            *("MB idle", "MB"),
        ),
        rows,
    )
