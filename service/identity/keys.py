"""The keys of nonces."""

import hashlib

from service.storage.keys import ItemKind, Key

_OWNER = "identity"
_PREFIX = "NONCE#"

NONCE = ItemKind(
    "nonce",
    _OWNER,
    f"{_PREFIX}<sha256 of key id and nonce>",
    "NONCE",
    "a signed request of an operator that has been accepted; TTL `expiresAt`",
)
ITEMS = (NONCE,)


def nonce(key_id: str, text: str) -> Key:
    digest = hashlib.sha256(f"{key_id}\n{text}".encode()).hexdigest()
    return Key(f"{_PREFIX}{digest}", "NONCE")
