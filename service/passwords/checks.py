"""What the audit proves of credentials, and of what waits for a click: each is as this service
writes it, and credentials and their user name each other."""

from collections.abc import Iterator

from service.passwords import keys, store
from service.passwords.entities import MAX_KNOWN_NETWORKS
from service.passwords.throttle import Tries
from service.storage.checks import ItemCheck, PartitionReader, PrefixCheck, Violation
from service.storage.codec import Item, whole_number
from service.storage.keys import Key
from service.storage.sealed import key_version


def password_checks() -> tuple[ItemCheck | PrefixCheck, ...]:
    return (
        ItemCheck(keys.CREDENTIALS, _credentials_faults),
        ItemCheck(keys.OWNED, _owned_faults),
        ItemCheck(keys.REGISTRATION, _waiting_faults),
        ItemCheck(keys.RESET, _waiting_faults),
        ItemCheck(keys.TRIES, _tries_faults),
        PrefixCheck(keys.CREDENTIALS_PREFIX, keys.credentials_of, _owner_faults),
    )


def _credentials_faults(item: Item) -> Iterator[str]:
    found = store.credentials_from(item)
    key_version(found.sealed)
    if found.revision < 1:
        yield "its revision is below 1"
    if found.changed_at < found.created_at:
        yield "was changed before it was made"
    if len(found.networks) > MAX_KNOWN_NETWORKS:
        yield f"knows more than {MAX_KNOWN_NETWORKS} networks"


def _owned_faults(item: Item) -> Iterator[str]:
    if not store.owned_digest(item):
        yield "names no credentials"


def _waiting_faults(item: Item) -> Iterator[str]:
    """A link that was used holds nothing; any other one is sealed, and disappears by itself."""
    valid_until, expires_at = whole_number(item["validUntil"]), whole_number(item["expiresAt"])
    if expires_at != valid_until // 1000 + 1:
        yield "its expiresAt is not the end of its validity"
    if "usedAt" in item:
        if "sealed" in item:
            yield "was used, and still holds what it was for"
        return
    sealed = item["sealed"]
    if not isinstance(sealed, bytes):
        raise TypeError("what waits for a click is sealed")
    key_version(sealed)


def _tries_faults(item: Item) -> Iterator[str]:
    tries = Tries.of_item(item)
    if tries.count < 0:
        yield "counts less than nothing"
    if whole_number(item["expiresAt"]) != tries.forget_at // 1000 + 1:
        yield "its expiresAt is not when it is forgotten"


def _owner_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """The user whom credentials name has those and no others. An erasure removes the credentials
    first."""
    key = keys.credentials_of(pk)
    item = reader.one(key)
    if item is None:
        return
    credentials = store.credentials_from(item)
    owned = reader.one(keys.owned(credentials.user_id))
    if owned is None or store.owned_digest(owned) != credentials.digest:
        yield Violation(str(Key.of_item(item)), "its user has other credentials, or none")
