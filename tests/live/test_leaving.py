"""A relay that is replaced: balancers leave it first, then it ends its sessions, and whoever
connects again finds another."""

import asyncio
from urllib.error import HTTPError
from urllib.request import urlopen

from devstack.simulators.assemblyai.sockets import SpeechSockets
from tests.live.relay_world import RelayWorld, make_world


def readiness(port: int) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=30) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def test_a_relay_that_leaves_goes_on_but_no_balancer_sends_more(world: RelayWorld) -> None:
    async def talk() -> tuple[int, int, int]:
        async with world.serving():
            at_once = asyncio.Event()
            async with world.caller(world.ticket()) as early:
                await early.ready()
                leaving = asyncio.ensure_future(world.relay.leave(at_once))
                await early.speak(2)
                status = await asyncio.to_thread(readiness, world.port)
                async with world.caller(world.ticket("bob")) as late:
                    await late.ready()
                    assert not leaving.done()
                    at_once.set()
                    await leaving
                    await world.relay.drain()
                    return status, await early.closed(), await late.closed()

    assert asyncio.run(talk()) == (503, 1012, 1012)
    assert world.is_whole()


def test_a_relay_without_balancers_ends_at_once(sockets: SpeechSockets) -> None:
    async def stop() -> None:
        world = make_world(sockets, relay_limits={"leave_seconds": 0.0})
        async with world.serving():
            await world.relay.leave(asyncio.Event())

    asyncio.run(stop())
