"""Sessions minted by a back end, as the service mints and verifies them."""

from dataclasses import replace
from typing import Any

from service.core.amounts import Credits, amount_of
from service.core.principal import Principal, SignInMethod
from service.core.scopes import KeyScope, SessionScope
from service.identity.access_tokens import AccessTokens
from service.jobs.operations import Submission
from service.sessions import keys
from service.sessions.ceilings import Ceiling, ceiling_from
from service.sessions.minting import Minting, WantedSession
from service.videos.entities import NewVideo
from tests.doubles.service_harness import ServiceHarness, order

PAGE = "https://app.example.com"
ANN = "ext_ann"
KEY_ID = "key_01kb7r3v6q8f2x0m4n5p6q7r8s"
WANTED = WantedSession(
    user_id=None,
    external_id="ann",
    email="ann@example.com",
    email_verified=True,
    origins=frozenset({PAGE}),
    scopes=frozenset(SessionScope),
    ceiling=None,
)


def back_end(*scopes: KeyScope, key_id: str = KEY_ID) -> Principal:
    """A server key, with every scope unless some are named."""
    granted = frozenset(scopes or KeyScope)
    return Principal("us", key_id, method=SignInMethod.SERVER_KEY, scopes=granted)


def minted(
    world: ServiceHarness, limit: Credits | None = None, *, key_id: str = KEY_ID, **changes: Any
) -> Principal:
    """Who a token of a session with that ceiling is for."""
    ceiling = None if limit is None else amount_of(limit)
    wanted = replace(WANTED, ceiling=ceiling, **changes)
    session = world.parts.get(Minting).mint(back_end(key_id=key_id), wanted)
    verified = world.parts.get(AccessTokens).verify(session.access_token, world.clock.now() / 1000)
    return verified.principal


def submit(world: ServiceHarness, who: Principal, **request: Any) -> Submission:
    """As `ServiceHarness.submit`, in that session."""
    usual = order(who.subject, **request)
    return world.videos.create(video_of(usual, who))


def video_of(usual: NewVideo, who: Principal) -> NewVideo:
    return replace(usual, principal=who)


def ceiling(world: ServiceHarness, who: Principal) -> Ceiling:
    item = world.table.get(keys.session(who.subject, who.session_id or ""))
    assert item is not None
    return ceiling_from(item)
