"""Server keys in the table of a world, without an operator."""

from collections.abc import Collection

from service.core.scopes import KeyScope
from service.server_keys.entities import ServerKey
from service.server_keys.operations import ServerKeys
from tests.doubles.service_harness import ServiceHarness


def stored_key(
    world: ServiceHarness, scopes: Collection[KeyScope] = (KeyScope.SESSIONS,)
) -> tuple[ServerKey, str]:
    """A key and its text."""
    server_keys = world.parts.get(ServerKeys)
    key, text = server_keys.new("Web shop", scopes)
    world.table.write(server_keys.creation(key).write)
    return key, text


def used_key(world: ServiceHarness) -> tuple[ServerKey, str]:
    """The same, once its use has been noted: within a minute it causes no write."""
    key, text = stored_key(world)
    world.parts.get(ServerKeys).verify(text)
    return key, text


def revoke(world: ServiceHarness, key: ServerKey) -> None:
    server_keys = world.parts.get(ServerKeys)
    item = world.table.get(server_keys.place(key.key_id))
    world.table.write(server_keys.revocation(item).write)
