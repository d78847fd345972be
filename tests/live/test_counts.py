"""What the relay counts: every refusal by its code, every end, and what an operator must know."""

import asyncio
from typing import Any

import pytest

from devstack.simulators.assemblyai.sockets import SpeechSockets
from service.core.metrics import Metric
from service.live.operations import Live
from service.live.serving import OpenSessions
from service.storage.table import StorageUnavailable
from service.web.request_errors import InternalError
from tests.live.relay_world import RelayWorld, make_world


def codes(world: RelayWorld) -> list[str]:
    return [labels["code"] for _, labels in world.counts.of(Metric.REFUSALS)]


def endings(world: RelayWorld) -> list[str]:
    return [labels["ending"] for _, labels in world.counts.of(Metric.LIVE_ENDINGS)]


def refused(world: RelayWorld, ticket: str) -> None:
    async def talk() -> None:
        async with world.serving(), world.caller(ticket) as caller:
            await caller.closed()

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("fault", "code"), [("busy", "PROVIDER_BUSY"), ("refused", "PROVIDER_UNAVAILABLE")]
)
def test_a_session_that_the_vendor_refuses_is_counted_by_its_code(
    world: RelayWorld, fault: str, code: str
) -> None:
    world.meets(fault)
    refused(world, world.ticket())
    assert (codes(world), endings(world)) == ([code], [])


def test_a_ticket_that_is_not_valid_is_counted(world: RelayWorld) -> None:
    refused(world, "not-a-ticket")
    assert codes(world) == ["TICKET_INVALID"]


def test_a_session_without_a_place_is_counted_by_whose_limit_it_was(
    sockets: SpeechSockets,
) -> None:
    world = make_world(sockets, relay_limits={"sessions": 2, "sessions_of_user": 1})

    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket()) as first:
            await first.ready()
            async with world.caller(world.ticket()) as second:
                await second.closed()
            async with world.caller(world.ticket("bob")) as other:
                await other.ready()
                OpenSessions(world.relay, world.counts).run_once()
                async with world.caller(world.ticket("eve")) as third:
                    await third.closed()

    asyncio.run(talk())
    assert codes(world) == ["TOO_MANY_SESSIONS", "LIVE_SATURATED"]
    assert world.counts.of(Metric.LIVE_SESSIONS) == [(2, {})]


def test_a_table_that_does_not_respond_and_a_mistake_of_ours_are_counted(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = world.ticket()
    for error in (StorageUnavailable(), ArithmeticError()):
        monkeypatch.setattr(Live, "open", raising(error))
        refused(world, ticket)
    assert codes(world) == ["STORAGE_UNAVAILABLE", InternalError.code]
    assert world.jobs() == []


def raising(error: Exception) -> Any:
    def work(*_: object) -> object:
        raise error

    return work


def test_a_vendor_that_breaks_off_is_counted_as_that_ending(world: RelayWorld) -> None:
    world.meets("cut", seconds=2)

    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(2)
            await caller.closed()

    asyncio.run(talk())
    assert (endings(world), codes(world)) == (["vendor_fault"], [])
    assert world.counts.of(Metric.LIVE_NOT_SETTLED) == []


def test_a_session_that_is_not_extended_in_time_is_counted_as_that_ending(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Live, "extend", raising(StorageUnavailable()))

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            return await caller.speak_to_the_end()

    assert asyncio.run(talk()) == 4503
    assert endings(world) == ["not_extended"]
    assert world.is_whole()


def test_a_session_that_its_relay_cannot_settle_is_counted_and_left_to_the_worker(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Live, "conclude", raising(ArithmeticError()))

    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(2)
            assert (await caller.finish())["status"] == "SUBMITTING"

    asyncio.run(talk())
    assert (endings(world), world.counts.of(Metric.LIVE_NOT_SETTLED)) == (["finished"], [(1, {})])
    world.worker()
    assert world.is_whole()
