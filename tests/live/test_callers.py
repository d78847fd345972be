"""A live session outlives the token that it came with, and not the session behind that token."""

from dataclasses import replace
from typing import Any

import pytest

from service.core.errors import FareboxError
from service.core.principal import Principal
from service.identity.access_tokens import AccessTokens
from service.identity.entities import ServerKeyRevoked
from service.ledger.entities import AccessTokenRevoked
from service.live.entities import LiveBody, NewSession
from service.server_keys.entities import ServerKey
from service.server_keys.operations import STANDING_SECONDS
from service.sessions.entities import NewSession as SignedInSession
from service.sessions.entities import SessionEnd
from service.sessions.minting import Minting
from service.sessions.operations import Sessions
from tests.doubles.service_harness import ServiceHarness
from tests.live.test_extensions import ANN, finish, live, opened, small
from tests.server_keys.stored import revoke, stored_key
from tests.sessions.minted import WANTED, back_end


@pytest.fixture
def world() -> ServiceHarness:
    """Where Ann has an account."""
    found = small()
    finish(found, opened(found), 6)
    return found


def caller_of(world: ServiceHarness, session: Any) -> Principal:
    verified = world.parts.get(AccessTokens).verify(session.access_token, world.clock.now() / 1000)
    return verified.principal


def signed_in(world: ServiceHarness) -> tuple[SignedInSession, Principal]:
    session = world.parts.get(Sessions).open("ann", ANN, "desk", world.clock.now())
    return session, caller_of(world, session)


def lent(world: ServiceHarness) -> tuple[ServerKey, Principal]:
    """A session that a stored key has minted."""
    key, _ = stored_key(world)
    session = world.parts.get(Minting).mint(back_end(key_id=key.key_id), WANTED)
    return key, caller_of(world, session)


def is_refused(world: ServiceHarness, session: Any, error: type[FareboxError]) -> None:
    before = world.items()
    with pytest.raises(error):
        live(world).extend(session.job, session.seconds, session.caller)
    assert world.items() == before


def test_a_session_that_was_ended_has_its_socket_extended_no_more(world: ServiceHarness) -> None:
    mine, who = signed_in(world)
    session = opened(world, who)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    world.parts.get(Sessions).end("ann", mine.session_id, SessionEnd.LOGOUT)
    extended = replace(session, job=job, seconds=session.seconds + seconds)
    is_refused(world, extended, AccessTokenRevoked)
    assert finish(world, extended, 60) == 10


def test_a_changed_password_ends_the_sockets_of_every_other_session(world: ServiceHarness) -> None:
    mine, _ = signed_in(world)
    _, thief = signed_in(world)
    session = opened(world, thief)
    world.parts.get(Sessions).end_all("ann", SessionEnd.PASSWORD, keep=mine.session_id)
    is_refused(world, session, AccessTokenRevoked)


def test_the_end_of_another_session_leaves_a_socket_alone(world: ServiceHarness) -> None:
    _, who = signed_in(world)
    phone, _ = signed_in(world)
    session = opened(world, who)
    world.clock.advance(60.0)
    world.parts.get(Sessions).end("ann", phone.session_id, SessionEnd.LOGOUT)
    assert live(world).extend(session.job, session.seconds, session.caller)[1] == 120


def test_a_revoked_key_extends_no_socket_and_begins_none(
    world: ServiceHarness,
) -> None:
    key, who = lent(world)
    session = opened(world, who)
    ticket = live(world).issue(NewSession(who, "desk", LiveBody(8000))).ticket
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    revoke(world, key)
    world.clock.advance(STANDING_SECONDS)
    extended = replace(session, job=job, seconds=session.seconds + seconds)
    is_refused(world, extended, ServerKeyRevoked)
    before = world.items()
    with pytest.raises(ServerKeyRevoked):
        live(world).open(ticket)
    assert world.items() == before


def test_a_minted_session_ends_with_all_of_its_users(world: ServiceHarness) -> None:
    _, who = lent(world)
    session = opened(world, who)
    world.clock.advance(1.0)
    world.parts.get(Sessions).end_all(who.subject, SessionEnd.REVOKED)
    is_refused(world, session, AccessTokenRevoked)
