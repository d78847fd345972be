"""What a socket without a ticket can do to the relay: nothing that others notice."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from service.live.sockets import (
    MAX_CONTROL_FRAMES,
    MAX_PIECES,
    MAX_READ_BYTES,
    MAX_UNREAD_BYTES,
    FrameCount,
    Waiting,
)
from tests.live.relay_world import WAIT_SECONDS, RelayWorld, eventually

PING = b"\x89\x80\0\0\0\0"
BEGINNING, PIECE, LAST = (code + b"\x80\0\0\0\0" for code in (b"\x02", b"\x00", b"\x80"))
MANY = MAX_PIECES + 1
PONG = b"\x8a\x80\0\0\0\0"
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: farebox.example\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(b'k' * 16).decode()}\r\n"
)


@asynccontextmanager
async def raw(
    world: RelayWorld, path: str = "/transcriptions/stream", more: str = ""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A socket whose handshake is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write((HANDSHAKE.format(path=path) + more + "\r\n").encode())
    try:
        yield reader, writer
    finally:
        writer.close()


@asynccontextmanager
async def idle(world: RelayWorld) -> AsyncIterator[asyncio.StreamReader]:
    """A socket that sends nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    try:
        yield reader
    finally:
        writer.close()


async def status(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(WAIT_SECONDS):
        return int((await reader.readline()).split()[1])


@pytest.mark.parametrize("frame", [PING, PONG])
def test_a_flood_of_control_frames_is_cut_off_at_once(world: RelayWorld, frame: bytes) -> None:
    async def flood() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            # Of twice too many, a pause in the middle leaves too many in one second.
            caller.socket.transport.write(frame * 2 * (MAX_CONTROL_FRAMES + 1))
            return await caller.closed()

    assert asyncio.run(flood()) == 1006


@pytest.mark.parametrize("flood", [BEGINNING + PIECE * MANY, (BEGINNING + LAST) * 2 * MANY])
def test_a_flood_of_pieces_of_messages_is_cut_off(world: RelayWorld, flood: bytes) -> None:
    """Without a last one they never become a message, whose number is bounded elsewhere."""

    async def send() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            caller.socket.transport.write(flood)
            return await caller.closed()

    assert asyncio.run(send()) == 1006


class Wire(asyncio.Transport):
    """A transport whose other end reads nothing."""

    max_size = 256 * 1024

    def __init__(self) -> None:
        super().__init__()
        self.unread = 0
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: object) -> None:
        del data

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def test_a_message_in_pieces_without_end_is_cut_off_however_slow_it_is() -> None:
    counted, piece = FrameCount(), Frame(Opcode.CONT, b"", fin=False)
    floods = [counted.is_flood(piece, float(second)) for second in range(MANY)]
    assert floods == [False] * MAX_PIECES + [True]


@pytest.mark.parametrize("code", [Opcode.PING, Opcode.PONG])
def test_so_many_control_frames_in_a_second_are_no_flood_and_one_more_is(code: Opcode) -> None:
    counted, frame = FrameCount(), Frame(code, b"")
    floods = [counted.is_flood(frame, 5.0) for _ in range(MAX_CONTROL_FRAMES + 1)]
    assert floods == [False] * MAX_CONTROL_FRAMES + [True]
    assert not counted.is_flood(frame, 6.0)


def test_messages_in_a_few_pieces_are_no_flood() -> None:
    counted, pieces = FrameCount(), [Frame(Opcode.CONT, b"", fin=fin) for fin in (False, True)]
    assert not any(counted.is_flood(each, at / 20) for at in range(MANY) for each in pieces)


def test_a_socket_is_read_in_small_parts_and_cut_off_if_it_does_not_read() -> None:
    async def connect() -> None:
        class Listening:
            handler_tasks: ClassVar[set[object]] = set()

            async def handler(self, socket: object) -> None:
                del socket

        wire, waiting = Wire(), Waiting(1)
        listening: Any = Listening()
        socket = waiting.connection(ServerProtocol(), listening)
        socket.connection_made(wire)
        assert (wire.max_size, len(waiting)) == (MAX_READ_BYTES, 1)
        start = HANDSHAKE.format(path="/transcriptions/stream").encode()
        socket.data_received(start)
        wire.unread = MAX_UNREAD_BYTES
        socket.data_received(b"Accept: a\r\n")
        assert not wire.is_aborted
        wire.unread += 1
        socket.data_received(b"Accept: b\r\n")
        assert wire.is_aborted

    asyncio.run(connect())


def test_a_client_that_pings_now_and_then_is_served(world: RelayWorld) -> None:
    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            for _ in range(15):
                await (await caller.socket.ping())
            await caller.speak(2)
            await caller.finish()
            assert await caller.closed() == 1000

    asyncio.run(talk())
    assert world.is_whole()


def test_sockets_without_a_session_are_bounded_and_probes_are_served(world: RelayWorld) -> None:
    world.relay_limits = replace(world.relay_limits, sessions=2, sessions_of_user=1)

    async def crowd() -> tuple[int, int]:
        async with world.serving(), idle(world), idle(world):
            await eventually(lambda: world.relay.waiting == 2)
            async with raw(world) as (refused, _), raw(world, "/health/live") as (probe, _):
                return await status(refused), await status(probe)

    assert asyncio.run(crowd()) == (503, 200)


def test_a_crowd_of_sockets_is_cut_off(world: RelayWorld) -> None:
    world.relay_limits = replace(world.relay_limits, sessions=1, sessions_of_user=1)

    async def crowd() -> bytes:
        async with world.serving(), idle(world), idle(world):
            await eventually(lambda: world.relay.waiting == 2)
            async with idle(world) as reader, asyncio.timeout(WAIT_SECONDS):
                return await reader.read()

    assert asyncio.run(crowd()) == b""


def test_a_session_does_not_count_as_a_socket_that_waits(world: RelayWorld) -> None:
    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            waiting = world.relay.waiting
            await caller.finish()
            return waiting

    assert asyncio.run(talk()) == 0


@pytest.mark.parametrize(
    ("path", "more", "code"),
    [
        ("/transcriptions/stream", "Origin: https://a\r\nOrigin: https://b\r\n", 403),
        ("//[", "", 404),
    ],
)
def test_a_malformed_handshake_is_refused(
    world: RelayWorld, path: str, more: str, code: int
) -> None:
    async def knock() -> int:
        async with world.serving(), raw(world, path, more) as (reader, _):
            return await status(reader)

    assert asyncio.run(knock()) == code


@pytest.mark.parametrize("origin", ["https://farebox.example", "https://live.farebox.example"])
def test_a_page_or_an_app_of_our_own_host_is_served(world: RelayWorld, origin: str) -> None:
    """React Native adds such an origin by itself."""

    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket(), origin=origin) as caller:
            await caller.ready()
            await caller.speak(1)
            await caller.finish()

    asyncio.run(talk())
    assert world.is_whole()
