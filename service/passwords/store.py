"""Credentials, registrations and resets as items. Builds writes, sends none."""

import json
from typing import Any

from service.core.clock import from_iso, iso
from service.passwords import keys
from service.passwords.entities import (
    RESET_SECONDS,
    VERIFICATION_SECONDS,
    Credentials,
    Registration,
    Reset,
)
from service.passwords.sealing import Sealing
from service.storage.codec import Item, whole_number
from service.storage.keys import Key
from service.storage.writes import Delete, Put, Update, When


def credentials_from(item: Item) -> Credentials:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    found: Any = item
    last_login_at = found.get("lastLoginAt")
    if not isinstance(found["sealed"], bytes) or not isinstance(found["userId"], str):
        raise TypeError("credentials are a user's, and sealed")
    return Credentials(
        digest=found["PK"].removeprefix(keys.CREDENTIALS_PREFIX),
        user_id=found["userId"],
        address=str(found["address"]),
        sealed=found["sealed"],
        revision=whole_number(found["revision"]),
        created_at=from_iso(found["createdAt"]),
        changed_at=from_iso(found["changedAt"]),
        last_login_at=None if last_login_at is None else from_iso(last_login_at),
        networks=tuple(map(str, found.get("networks", ()))),
    )


def owned_digest(item: Item) -> str:
    """Under which mailbox the user's credentials are. Raises `KeyError` or `TypeError`."""
    digest = item["credentials"]
    if not isinstance(digest, str):
        raise TypeError("a digest is a text")
    return digest


def new_credentials_writes(
    digest: str, user_id: str, address: str, sealed: bytes, now: int
) -> tuple[Put, Put]:
    """The credentials of a mailbox that has none, of a user who has none."""
    item: Item = {
        "userId": user_id,
        "address": address,
        "sealed": sealed,
        "revision": 1,
        "createdAt": iso(now),
        "changedAt": iso(now),
    }
    return (
        Put(keys.credentials(digest), item),
        Put(keys.owned(user_id), {"credentials": digest, "createdAt": iso(now)}),
    )


def stand_in_item(digest: str, sealed: bytes) -> Item:
    """Credentials of no one, as large as someone's. They are never stored."""
    credentials, _ = new_credentials_writes(digest, "", digest, sealed, 0)
    signed_in: Item = {"lastLoginAt": iso(0), "networks": (digest,)}
    return {**credentials.item, **signed_in, **credentials.key.attributes()}


def login_write(
    before: Credentials, networks: tuple[str, ...], sealed: bytes | None, now: int
) -> Update:
    """A sign-in with a password that has not changed since it was read; `sealed` is its hash where
    that is renewed."""
    renewed: Item = {} if sealed is None else {"sealed": sealed}
    return Update(
        keys.credentials(before.digest),
        When(equals={"userId": before.user_id, "revision": before.revision}),
        set={"lastLoginAt": iso(now), "networks": networks, **renewed},
    )


def password_write(digest: str, revision: int, sealed: bytes, now: int) -> Update:
    """A new password over the one of that revision."""
    return Update(
        keys.credentials(digest),
        When(equals={"revision": revision}),
        set={"sealed": sealed, "revision": revision + 1, "changedAt": iso(now)},
    )


def erasure_writes(user_id: str, digest: str) -> tuple[Delete, Delete]:
    """For the erasure of a user alone: neither removes what is another's."""
    return (
        Delete(keys.credentials(digest), When(equals={"userId": user_id})),
        Delete(keys.owned(user_id), When(equals={"credentials": digest})),
    )


def registration_put(sealing: Sealing, token: str, registration: Registration, now: int) -> Put:
    key = registration_key(sealing, token)
    text = json.dumps(
        [
            registration.user_id,
            registration.address,
            registration.password_hash,
            list(registration.device),
        ]
    )
    return _waiting_put(key, sealing.seal_with(token, key, text), verification_end(now), now)


def registration_from(
    sealing: Sealing, token: str, item: Item | None, now: int
) -> Registration | None:
    """None for one that is not there, has been used, or has expired (its TTL may be late)."""
    text = _waiting_text(sealing, token, registration_key(sealing, token), item, now)
    if text is None:
        return None
    user_id, address, password_hash, device = json.loads(text)
    return Registration(user_id, address, password_hash, tuple(device))


def registration_key(sealing: Sealing, token: str) -> Key:
    return keys.registration(sealing.digest("registration", token))


def reset_put(sealing: Sealing, token: str, reset: Reset, now: int) -> Put:
    key = reset_key(sealing, token)
    text = json.dumps([reset.digest, reset.revision])
    return _waiting_put(key, sealing.seal_with(token, key, text), reset_end(now), now)


def reset_from(sealing: Sealing, token: str, item: Item | None, now: int) -> Reset | None:
    """As `registration_from`."""
    text = _waiting_text(sealing, token, reset_key(sealing, token), item, now)
    return None if text is None else Reset(*json.loads(text))


def reset_key(sealing: Sealing, token: str) -> Key:
    return keys.reset(sealing.digest("reset", token))


def used_write(key: Key, now: int) -> Update:
    """The link of that item works this once."""
    unused = When(equals={"PK": key.pk, "usedAt": None})
    return Update(key, unused, set={"usedAt": iso(now)}, remove=("sealed",))


def verification_end(now: int) -> int:
    """Until when a link that is mailed now verifies an address, in epoch milliseconds."""
    return now + 1000 * VERIFICATION_SECONDS


def reset_end(now: int) -> int:
    """Until when a link that is mailed now replaces a password."""
    return now + 1000 * RESET_SECONDS


def _waiting_put(key: Key, sealed: bytes, valid_until: int, now: int) -> Put:
    return Put(
        key,
        {
            "sealed": sealed,
            "createdAt": iso(now),
            "validUntil": valid_until,
            "expiresAt": valid_until // 1000 + 1,
        },
    )


def _waiting_text(
    sealing: Sealing, token: str, key: Key, item: Item | None, now: int
) -> str | None:
    if item is None or "usedAt" in item or now >= whole_number(item["validUntil"]):
        return None
    sealed = item["sealed"]
    return sealing.open_with(token, key, sealed) if isinstance(sealed, bytes) else None
