"""What the audit proves of server keys: each is as this service wrote it, and disappears only some
time after it was revoked."""

from collections.abc import Iterator

from service.server_keys.entities import kept_until_seconds
from service.server_keys.keys import SERVER_KEY
from service.server_keys.store import is_sealed, key_from
from service.storage.checks import ItemCheck
from service.storage.codec import Item


def server_key_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        key = key_from(item)
        if not is_sealed(key, mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"
        if not key.name or not key.scopes:
            yield "has no name, or may do nothing"
        expected = None if key.revoked_at is None else kept_until_seconds(key.revoked_at)
        if item.get("expiresAt") != expected:
            yield "its expiresAt does not follow from when it was revoked"

    return ItemCheck(SERVER_KEY, faults)
