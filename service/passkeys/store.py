"""Passkeys and enrolment codes as items. Builds writes, sends none."""

from typing import Any

from service.core.clock import from_iso, iso
from service.passkeys import keys
from service.passkeys.entities import EnrolmentCode, Passkey, Passkeys
from service.storage.codec import Item, whole_number
from service.storage.writes import Put, Update, When

# Far longer than clocks differ: a challenge or a code may be forgotten only once it is refused for
# its age everywhere.
KEPT_SECONDS = 3600


def passkeys_write(before: Passkeys, after: Passkeys) -> Update:
    """Only over the passkeys that were read."""
    guard = When(equals={"mac": before.mac or None})
    item: Item = {
        "operatorId": after.operator_id,
        "passkeys": tuple(map(_passkey_item, after.passkeys)),
        "mac": after.mac,
    }
    return Update(keys.passkeys(after.operator_id), guard, set=item)


def passkeys_from(item: Item) -> Passkeys:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    passkeys = tuple(map(_passkey_from, fields["passkeys"]))
    return Passkeys(_text(fields["operatorId"]), passkeys, _text(fields["mac"]))


def code_write(code: EnrolmentCode) -> Put:
    item: Item = {
        "operatorId": code.operator_id,
        "madeBy": code.made_by,
        "validUntil": iso(code.expires_at),
        "expiresAt": code.expires_at // 1000 + KEPT_SECONDS,
        "mac": code.mac,
    }
    return Put(keys.code(code.digest), item)


def code_used_write(code: EnrolmentCode, now: int) -> Update:
    """Only once, and as it was read."""
    guard = When(equals={"mac": code.mac, "usedAt": None})
    return Update(keys.code(code.digest), guard, set={"usedAt": iso(now)})


def code_from(item: Item) -> EnrolmentCode:
    """Raises like `passkeys_from`."""
    fields: Any = item
    return EnrolmentCode(
        digest=fields["PK"].removeprefix(keys.CODE_PREFIX),
        operator_id=_text(fields["operatorId"]),
        made_by=_text(fields["madeBy"]),
        expires_at=from_iso(fields["validUntil"]),
        used_at=_time(fields.get("usedAt")),
        mac=_text(fields["mac"]),
    )


def challenge_write(challenge: str, expires_at: int) -> Put:
    """Only if it has not been used."""
    return Put(keys.challenge(challenge), {"expiresAt": expires_at // 1000 + KEPT_SECONDS})


def _passkey_item(passkey: Passkey) -> Item:
    return {
        "passkeyId": passkey.passkey_id,
        "name": passkey.name,
        "credentialId": passkey.credential_id,
        "publicKey": passkey.public_key,
        "signCount": passkey.sign_count,
        "transports": passkey.transports,
        "addedAt": iso(passkey.added_at),
        "usedAt": None if passkey.used_at is None else iso(passkey.used_at),
    }


def _passkey_from(fields: Any) -> Passkey:
    return Passkey(
        passkey_id=_text(fields["passkeyId"]),
        name=_text(fields["name"]),
        credential_id=_bytes(fields["credentialId"]),
        public_key=_bytes(fields["publicKey"]),
        sign_count=whole_number(fields["signCount"]),
        transports=tuple(map(_text, fields["transports"])),
        added_at=from_iso(fields["addedAt"]),
        used_at=_time(fields.get("usedAt")),
    )


def _time(text: str | None) -> int | None:
    return None if text is None else from_iso(text)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("not bytes")
    return value
