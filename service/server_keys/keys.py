"""The keys of server keys in the table."""

from service.storage.keys import ItemKind, Key

SYSTEM = "SYSTEM"
SERVER_KEY_PREFIX = "SERVER_KEY#"

SERVER_KEY = ItemKind(
    "server key",
    "server_keys",
    SYSTEM,
    f"{SERVER_KEY_PREFIX}<key id>",
    "a key of one of the house's back ends, as a digest; TTL `expiresAt` once it is revoked",
)
ITEMS = (SERVER_KEY,)


def server_key(key_id: str) -> Key:
    return Key(SYSTEM, f"{SERVER_KEY_PREFIX}{key_id}")
