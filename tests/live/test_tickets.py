"""A ticket begins one session, of one user, for a minute."""

import asyncio
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from service.core.ids import RandomIds
from service.core.principal import Principal, SignInMethod
from service.core.scopes import Minted
from service.core.token_cipher import TokenCipher
from service.live.entities import LiveBody, NewSession, TicketInvalid
from service.live.tickets import MAX_TICKET, Tickets
from service.providers.speech import Encoding
from tests.doubles.clock import FakeClock
from tests.live.relay_world import ORIGIN, RelayWorld, eventually

ANN = Principal(
    "https://accounts.google.com",
    "ann",
    "ann@example.com",
    True,
    SignInMethod.SESSION,
    "mint_1",
    minted=Minted("key_1", frozenset({ORIGIN, "https://b.example"}), has_ceiling=True),
    issued_at=1_789_999_999_000,
)
NEW = NewSession(ANN, "phone", LiveBody(48_000, Encoding.PCM_MULAW, "multi"), "req_1")


def tickets(clock: FakeClock) -> Tickets:
    return Tickets(TokenCipher(["k" * 32]), clock, RandomIds(), 60.0)


def test_a_ticket_says_whose_it_is_and_for_what() -> None:
    made = tickets(FakeClock())
    first, expires_at = made.issue(NEW)
    assert made.open(first, ORIGIN)[1] == NEW
    assert made.open(first)[0] != made.open(made.issue(NEW)[0])[0]
    assert expires_at == 1_790_000_060_000


@pytest.mark.parametrize("letter", ["f", "é", "指", "😀"])
def test_a_ticket_of_long_names_is_short_enough_for_a_header(letter: str) -> None:
    who = replace(ANN, subject="s" * 255, email="e" * 254)
    ticket, _ = tickets(FakeClock()).issue(replace(NEW, principal=who, fingerprint=letter * 512))
    assert len(ticket) < MAX_TICKET
    assert tickets(FakeClock()).open(ticket)[1].principal == who


def test_a_ticket_ends_after_its_time_and_is_good_for_its_own_origins() -> None:
    clock = FakeClock()
    made = tickets(clock)
    ticket, _ = made.issue(NEW)
    with pytest.raises(TicketInvalid):
        made.open(ticket, "https://evil.example")
    clock.advance(59.9)
    made.open(ticket)
    clock.advance(0.1)
    with pytest.raises(TicketInvalid):
        made.open(ticket)


@pytest.mark.parametrize("forged", ["", "abc", "x" * 5000, "é"])
def test_what_was_not_sealed_is_no_ticket(forged: str) -> None:
    with pytest.raises(TicketInvalid):
        tickets(FakeClock()).open(forged)


def test_a_token_for_another_purpose_is_no_ticket() -> None:
    other = TokenCipher(["k" * 32]).seal(["ann", "job_1"])
    with pytest.raises(TicketInvalid):
        tickets(FakeClock()).open(other)


def test_a_ticket_that_was_used_begins_nothing(world: RelayWorld) -> None:
    async def twice() -> tuple[int, str]:
        ticket = world.ticket()
        async with world.serving():
            async with world.caller(ticket, in_query=True) as caller:
                await caller.ready()
                await caller.speak(3)
                await caller.finish()
            async with world.caller(ticket) as again:
                return await again.closed(), again.messages[0]["code"]

    assert asyncio.run(twice()) == (4401, "TICKET_USED")
    assert len(world.jobs()) == 1
    assert world.is_whole()


def test_two_sockets_with_one_ticket_begin_one_session(world: RelayWorld) -> None:
    async def both() -> None:
        ticket = world.ticket()
        async with (
            world.serving(),
            world.caller(ticket) as one,
            world.caller(ticket) as other,
        ):
            await eventually(lambda: one.code is not None or other.code is not None)
            assert [each.code for each in (one, other) if each.code] == [4401]
            going_on = other if one.code else one
            await going_on.speak(2)
            await going_on.finish()

    asyncio.run(both())
    assert len(world.jobs()) == 1
    assert world.is_whole()


@pytest.mark.parametrize("ticket", ["", "forged"])
def test_without_a_ticket_nothing_is_begun(world: RelayWorld, ticket: str) -> None:
    async def knock() -> int:
        async with world.serving(), world.caller(ticket or "none", in_query=True) as caller:
            return await caller.closed()

    before = world.harness.items()
    assert asyncio.run(knock()) == 4401
    assert world.harness.items() == before


def test_a_ticket_that_has_expired_begins_nothing(world: RelayWorld) -> None:
    async def knock() -> int:
        ticket = world.ticket()
        world.clock.advance(61.0)
        async with world.serving(), world.caller(ticket) as caller:
            return await caller.closed()

    assert asyncio.run(knock()) == 4401
    assert world.harness.items() == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_origin_is_refused_by_the_handshake(
    world: RelayWorld, origin: str
) -> None:
    async def knock() -> int:
        async with world.serving():
            with pytest.raises(InvalidStatus) as refused:
                async with world.caller(world.ticket(), origin=origin):
                    raise AssertionError("it is refused")
            return refused.value.response.status_code

    assert asyncio.run(knock()) == 403
    assert world.harness.items() == []


def test_an_app_without_an_origin_is_served(world: RelayWorld) -> None:
    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket(), origin=None) as caller:
            await caller.ready()
            await caller.speak(1)
            await caller.finish()

    asyncio.run(talk())
    assert world.is_whole()


def test_one_user_has_so_many_sessions_in_a_process_and_no_more(world: RelayWorld) -> None:
    world.relay_limits = replace(world.relay_limits, sessions=2, sessions_of_user=1)

    async def talk() -> list[tuple[int, str]]:
        found = []
        async with world.serving(), world.caller(world.ticket()) as first:
            await first.ready()
            async with world.caller(world.ticket()) as second:
                found.append((await second.closed(), second.messages[0]["code"]))
            async with world.caller(world.ticket("bob")) as other:
                await other.ready()
                async with world.caller(world.ticket("eve")) as third:
                    found.append((await third.closed(), third.messages[0]["code"]))
                await other.finish()
            await first.finish()
        return found

    assert asyncio.run(talk()) == [(4429, "TOO_MANY_SESSIONS"), (4503, "LIVE_SATURATED")]
    assert len(world.jobs()) == 1
