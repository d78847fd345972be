"""What the audit proves of nonces: each is disposable, some time after its request expired."""

from collections.abc import Iterator

from service.identity.keys import NONCE
from service.storage.checks import ItemCheck
from service.storage.codec import Item, whole_number


def nonce_check() -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        if whole_number(item["expiresAt"]) <= 0:
            yield "its expiresAt is no time"
        if not isinstance(item["keyId"], str):
            yield "its keyId is no text"

    return ItemCheck(NONCE, faults)
