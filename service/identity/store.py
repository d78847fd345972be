"""Nonces as items. Builds writes, sends none."""

from service.identity import keys
from service.storage.codec import Item
from service.storage.writes import Put

# Far longer than clocks differ: a nonce may be forgotten only once its request is refused for its
# age everywhere.
KEPT_SECONDS = 3600


def nonce_write(key_id: str, nonce: str, expires: int) -> Put:
    """Only if this nonce of this key has not been used; `expires` is in epoch seconds."""
    item: Item = {"keyId": key_id, "expiresAt": expires + KEPT_SECONDS}
    return Put(keys.nonce(key_id, nonce), item)
