"""The keys of passkeys, enrolment codes and challenges that were used."""

import hashlib

from service.storage.keys import ItemKind, Key

OPERATOR_PREFIX = "OPERATOR#"
CODE_PREFIX = "PASSKEY_CODE#"
CHALLENGE_PREFIX = "PASSKEY_CHALLENGE#"
_OWNER = "passkeys"

PASSKEYS = ItemKind(
    "passkeys",
    _OWNER,
    f"{OPERATOR_PREFIX}<sha256 of the operator's id>",
    "PASSKEYS",
    "all passkeys of one operator",
)
CODE = ItemKind(
    "enrolment code",
    _OWNER,
    f"{CODE_PREFIX}<sha256 of the code>",
    "CODE",
    "lets one operator enrol one passkey; TTL `expiresAt`",
)
CHALLENGE = ItemKind(
    "used challenge",
    _OWNER,
    f"{CHALLENGE_PREFIX}<sha256 of the challenge>",
    "USED",
    "a challenge that a passkey has signed; TTL `expiresAt`",
)
ITEMS = (PASSKEYS, CODE, CHALLENGE)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def passkeys(operator_id: str) -> Key:
    return Key(f"{OPERATOR_PREFIX}{digest(operator_id)}", PASSKEYS.sk)


def code(code_digest: str) -> Key:
    return Key(f"{CODE_PREFIX}{code_digest}", CODE.sk)


def challenge(text: str) -> Key:
    return Key(f"{CHALLENGE_PREFIX}{digest(text)}", CHALLENGE.sk)
