"""What the audit proves of passkeys: each is as this service wrote it, and no operator has too
many."""

from collections.abc import Iterator

from service.passkeys import keys, store
from service.passkeys.entities import MAX_PASSKEYS, Passkeys
from service.storage.checks import ItemCheck
from service.storage.codec import Item, whole_number
from service.storage.keys import Key

UNSEALED = "is not as this service wrote it (its MAC does not hold)"


def passkey_checks(mac_key: bytes) -> tuple[ItemCheck, ...]:
    def passkeys_faults(item: Item) -> Iterator[str]:
        found = store.passkeys_from(item)
        if found.mac != found.sealed(mac_key):
            yield UNSEALED
        if keys.passkeys(found.operator_id) != Key.of_item(item):
            yield "lies where another operator's passkeys belong"
        yield from _count_faults(found)

    def code_faults(item: Item) -> Iterator[str]:
        code = store.code_from(item)
        if code.mac != code.sealed(mac_key):
            yield UNSEALED

    return (
        ItemCheck(keys.PASSKEYS, passkeys_faults),
        ItemCheck(keys.CODE, code_faults),
        ItemCheck(keys.CHALLENGE, _challenge_faults),
    )


def _count_faults(found: Passkeys) -> Iterator[str]:
    if len(found.passkeys) > MAX_PASSKEYS:
        yield f"holds {len(found.passkeys)} passkeys, {MAX_PASSKEYS} at most"
    for what in ("passkey_id", "credential_id"):
        if len({getattr(each, what) for each in found.passkeys}) < len(found.passkeys):
            yield f"names one {what} twice"


def _challenge_faults(item: Item) -> Iterator[str]:
    if whole_number(item["expiresAt"]) <= 0:
        yield "its expiresAt is no time"
