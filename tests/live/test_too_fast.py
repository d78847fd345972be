"""Audio that comes too fast, or in too many pieces, ends its session with a code that says so."""

import asyncio
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from service.live.slices import FRAMES
from tests.live.relay_world import RelayWorld


def test_a_vendor_that_is_sent_audio_too_fast_ends_the_session_with_a_code_of_its_own(
    world: RelayWorld,
) -> None:
    world.meets("too-fast", 12.0)

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(11)
            await caller.speak(1, is_awaited=False)
            return await caller.closed()

    assert asyncio.run(talk()) == 4414
    (job,) = world.jobs()
    assert job.result is not None
    assert job.result["ending"] == "too_fast"
    assert world.is_whole()


@pytest.mark.parametrize("frame", [b"", b"\1\2"])
def test_a_flood_of_small_frames_ends_the_session(world: RelayWorld, frame: bytes) -> None:
    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            with suppress(ConnectionClosed):
                for _ in range(FRAMES + 10):
                    await caller.socket.send(frame)
            return await caller.closed()

    assert asyncio.run(talk()) == 4415
    (job,) = world.jobs()
    assert job.captured == 0
    assert world.is_whole()
