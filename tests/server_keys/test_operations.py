"""Server keys: made, verified, revoked."""

from collections.abc import Callable
from typing import Any

import pytest

from service.core.principal import SignInMethod
from service.core.scopes import KeyScope
from service.identity.entities import Rejection, ServerKeyRevoked, TokenRejected
from service.server_keys import keys
from service.server_keys.entities import (
    MAX_KEYS,
    ServerKeyLimitReached,
    ServerKeyNotFound,
)
from service.server_keys.key_texts import SECRET_BYTES, made
from service.server_keys.operations import STANDING_SECONDS, ServerKeys
from service.storage.table import StorageUnavailable
from service.storage.writes import Update, When
from tests.doubles.meter import Meter
from tests.doubles.service_harness import MAC_KEY, ServiceHarness, memory_world
from tests.server_keys.corpus import CORPUS
from tests.server_keys.stored import revoke, stored_key


@pytest.fixture
def world() -> ServiceHarness:
    return memory_world()


@pytest.fixture
def server_keys(world: ServiceHarness) -> ServerKeys:
    return world.parts.get(ServerKeys)


def test_a_key_proves_its_back_end_and_its_scopes(
    world: ServiceHarness, server_keys: ServerKeys
) -> None:
    key, text = stored_key(world, (KeyScope.SESSIONS, KeyScope.VERIFIED_EMAILS))
    principal = server_keys.verify(text)
    assert (principal.subject, principal.method) == (key.key_id, SignInMethod.SERVER_KEY)
    assert principal.scopes == {"sessions", "verified_emails"}
    assert text not in str(world.items())
    secret = text[len("sk_") + 26 + 1 :][:43]
    assert secret not in str(world.items())
    assert world.audit().violations == ()


@pytest.mark.parametrize("change", CORPUS.values(), ids=CORPUS)
def test_what_only_resembles_a_key_is_refused_without_a_read(
    world: ServiceHarness, server_keys: ServerKeys, change: Callable[[str], str]
) -> None:
    _, text = stored_key(world)
    with Meter(world.dynamodb, world.where).watch() as bill, pytest.raises(TokenRejected) as caught:
        server_keys.verify(change(text))
    assert caught.value.details == {"reason": Rejection.SERVER_KEY.value}
    assert bill.calls == []


def test_an_unknown_key_a_wrong_digest_and_a_revoked_key_are_refused_alike(
    world: ServiceHarness, server_keys: ServerKeys
) -> None:
    _, unknown = server_keys.new("never stored", (KeyScope.SESSIONS,))
    key, revoked = stored_key(world)
    revoke(world, key)
    other, edited = stored_key(world)
    wrong = {"digest": server_keys.new("x", (KeyScope.SESSIONS,))[0].digest}
    world.table.write(Update(keys.server_key(other.key_id), When(), set=wrong))
    refusals = set()
    for text in (unknown, revoked, edited):
        with pytest.raises(TokenRejected) as caught:
            server_keys.verify(text)
        refusals.add((caught.value.message, str(caught.value.details)))
    assert len(refusals) == 1


def test_another_secret_of_the_same_key_is_refused(
    world: ServiceHarness, server_keys: ServerKeys
) -> None:
    """One that this service made, and does not have any more."""
    key, _ = stored_key(world)
    with pytest.raises(TokenRejected):
        server_keys.verify(made(key.key_id, b"x" * SECRET_BYTES, MAC_KEY))


@pytest.mark.parametrize(
    "edit", [{"scopes": frozenset({"sessions", "existing_users"})}, {"name": "Another"}]
)
def test_a_key_that_was_edited_in_the_table_is_refused_and_found(
    world: ServiceHarness, server_keys: ServerKeys, edit: dict[str, Any]
) -> None:
    key, text = stored_key(world)
    world.table.write(Update(keys.server_key(key.key_id), When(), set=edit))
    with pytest.raises(TokenRejected):
        server_keys.verify(text)
    [violation] = world.audit().violations
    assert "MAC" in violation.what


def test_a_revoked_key_does_not_come_back_by_an_edit(
    world: ServiceHarness, server_keys: ServerKeys
) -> None:
    key, text = stored_key(world)
    revoke(world, key)
    back = Update(keys.server_key(key.key_id), When(), remove=("revokedAt", "expiresAt"))
    world.table.write(back)
    with pytest.raises(TokenRejected):
        server_keys.verify(text)


def test_a_key_is_revoked_once(world: ServiceHarness, server_keys: ServerKeys) -> None:
    key, _ = stored_key(world)
    revoke(world, key)
    with pytest.raises(ServerKeyNotFound):
        revoke(world, key)
    assert server_keys.all() == ()
    assert server_keys.get(key.key_id).revoked_at == world.clock.now()
    assert world.audit().violations == ()


def test_sessions_of_a_revoked_key_are_refused_after_ten_seconds(
    world: ServiceHarness, server_keys: ServerKeys
) -> None:
    key, _ = stored_key(world)
    server_keys.check(key.key_id)
    revoke(world, key)
    with Meter(world.dynamodb, world.where).watch() as bill:
        server_keys.check(key.key_id)
    assert bill.calls == []
    world.clock.advance(STANDING_SECONDS)
    for _ in range(3):
        with pytest.raises(ServerKeyRevoked):
            server_keys.check(key.key_id)
    with pytest.raises(ServerKeyRevoked):
        server_keys.check("key_01kb7r3v6q8f2x0m4n5p6q7r8s")


def test_the_last_use_is_known_to_a_minute_without_a_write_for_each(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name)
    server_keys = world.parts.get(ServerKeys)
    key, text = stored_key(world)
    with Meter(world.dynamodb, client).watch() as bill:
        for _ in range(5):
            server_keys.verify(text)
    assert bill.calls == ["GetItem", "UpdateItem", *["GetItem"] * 4]
    first = server_keys.get(key.key_id).last_used_at
    assert first == world.clock.now()
    world.clock.advance(59)
    server_keys.verify(text)
    assert server_keys.get(key.key_id).last_used_at == first
    world.clock.advance(1)
    server_keys.verify(text)
    assert server_keys.get(key.key_id).last_used_at == world.clock.now()
    assert world.audit().violations == ()


def test_an_outage_of_that_write_keeps_no_back_end_from_working(
    world: ServiceHarness, server_keys: ServerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = stored_key(world)

    def fail(write: object) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(world.table, "write", fail)
    assert server_keys.verify(text).method is SignInMethod.SERVER_KEY


def test_a_fifty_first_key_is_refused(world: ServiceHarness, server_keys: ServerKeys) -> None:
    keys_made = [stored_key(world)[0] for _ in range(MAX_KEYS)]
    with pytest.raises(ServerKeyLimitReached):
        server_keys.require_room()
    revoke(world, keys_made[0])
    server_keys.require_room()
    assert set(server_keys.all()) == set(keys_made[1:])


def test_a_key_is_listed_behind_however_many_that_were_revoked(
    world: ServiceHarness, server_keys: ServerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.server_keys.operations.PAGE_SIZE", 1)
    for _ in range(25):
        revoke(world, stored_key(world)[0])
    world.clock.advance(1)
    key, _ = stored_key(world)
    assert server_keys.all() == (key,)
