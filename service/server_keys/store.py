"""Server keys as items. Builds writes, sends none."""

from dataclasses import replace
from typing import Any

from service.core.clock import from_iso, iso
from service.core.scopes import KeyScope
from service.core.seals import holds, seal
from service.server_keys import keys
from service.server_keys.entities import ServerKey, kept_until_seconds
from service.storage.codec import Item
from service.storage.writes import Put, Update, When


def sealed(key: ServerKey, mac_key: bytes) -> ServerKey:
    """The key with the MAC of everything but its last use: whoever edits the table can neither
    widen its scopes nor bring it back."""
    return replace(key, mac=seal(_facts(key), mac_key))


def is_sealed(key: ServerKey, mac_key: bytes) -> bool:
    """Whether the key is as this service wrote it."""
    return holds(key.mac, _facts(key), mac_key)


def new_write(key: ServerKey) -> Put:
    item: Item = {
        "name": key.name,
        "scopes": key.scopes,
        "digest": key.digest,
        "createdAt": iso(key.created_at),
        "mac": key.mac,
    }
    return Put(keys.server_key(key.key_id), item)


def use_write(key: ServerKey, now: int) -> Update:
    """Notes a use. Of all requests that found the same last use, one succeeds."""
    before = None if key.last_used_at is None else iso(key.last_used_at)
    guard = When(equals={"mac": key.mac, "lastUsedAt": before})
    return Update(keys.server_key(key.key_id), guard, set={"lastUsedAt": iso(now)})


def revocation_write(before: ServerKey, revoked: ServerKey) -> Update:
    """`revoked` is the key as it is to be, sealed."""
    at = revoked.revoked_at or 0
    changed: Item = {
        "revokedAt": iso(at),
        "expiresAt": kept_until_seconds(at),
        "mac": revoked.mac,
    }
    guard = When(equals={"mac": before.mac, "revokedAt": None})
    return Update(keys.server_key(before.key_id), guard, set=changed)


def key_from(item: Item) -> ServerKey:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    return ServerKey(
        key_id=fields["SK"].removeprefix(keys.SERVER_KEY_PREFIX),
        name=fields["name"],
        scopes=frozenset(map(KeyScope, fields["scopes"])),
        digest=fields["digest"],
        created_at=from_iso(fields["createdAt"]),
        last_used_at=_time(fields.get("lastUsedAt")),
        revoked_at=_time(fields.get("revokedAt")),
        mac=fields["mac"],
    )


def _facts(key: ServerKey) -> list[object]:
    scopes = sorted(scope.value for scope in key.scopes)
    return [
        "server key",
        key.key_id,
        key.name,
        scopes,
        key.digest,
        iso(key.created_at),
        None if key.revoked_at is None else iso(key.revoked_at),
    ]


def _time(text: str | None) -> int | None:
    return None if text is None else from_iso(text)
