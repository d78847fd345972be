"""The keys that sign our own access tokens: ECDSA on P-256 with SHA-256 (ES256; RFC 7518, 3.4).
The first signs; each verifies and is published, so that they can be replaced one after the other
(runbook, Secrets)."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)

ALGORITHM = "ES256"
MAX_KEYS = 2
LOCAL_KEY_ID = "local"
"""The id of the keys that are published with the source."""

_SCALAR_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class AccessTokenKey:
    """A key pair and its `kid`."""

    key_id: str
    private_key: EllipticCurvePrivateKey = field(repr=False)

    def published(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 7517)."""
        point = self.private_key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _base64url(point.x),
            "y": _base64url(point.y),
            "kid": self.key_id,
            "use": "sig",
            "alg": ALGORITHM,
        }


@dataclass(frozen=True)
class AccessTokenKeys:
    """One key, or two during a rotation; the first signs."""

    keys: tuple[AccessTokenKey, ...]

    @property
    def signing(self) -> AccessTokenKey:
        return self.keys[0]

    def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """The public half of the key with that id, None if there is none."""
        found = (each for each in self.keys if each.key_id == key_id)
        key = next(found, None)
        return None if key is None else key.private_key.public_key()

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """The public halves as a JSON Web Key Set."""
        return {"keys": [key.published() for key in self.keys]}


def access_token_keys_of_secret(text: str, *, production: bool) -> AccessTokenKeys:
    """A secret's JSON: `{"keys": [{"kid": "…", "d": "…"}]}`; `d` is the private key as in RFC 7518,
    6.2.2.1. Production refuses keys that are published with the source. Raises `ValueError` with
    the end of a sentence, which quotes no key."""
    document = _document(text)
    if not all(isinstance(each, dict) for each in document):
        raise ValueError("each key is an object with kid and d")
    keys = _keys([(each.get("kid"), each.get("d")) for each in document])
    if production and any(key.key_id == LOCAL_KEY_ID for key in keys.keys):
        raise ValueError(f"a key named {LOCAL_KEY_ID} is for developers' machines only")
    return keys


def access_token_keys_of_setting(text: str) -> AccessTokenKeys:
    """`kid:d` pairs separated by commas. Raises `ValueError` like `access_token_keys_of_secret`."""
    parts = filter(None, map(str.strip, text.split(",")))
    return _keys([(kid, scalar) for kid, _, scalar in (part.partition(":") for part in parts)])


def _document(text: str) -> list[Any]:
    try:
        keys = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("it must be a JSON object with keys") from None
    if not isinstance(keys, list):
        raise ValueError("keys must be a list")
    return keys


def _keys(pairs: Sequence[tuple[object, object]]) -> AccessTokenKeys:
    if not 1 <= len(pairs) <= MAX_KEYS:
        raise ValueError(f"there must be 1 to {MAX_KEYS} keys")
    keys = tuple(_key(key_id, scalar) for key_id, scalar in pairs)
    if len({key.key_id for key in keys}) < len(keys):
        raise ValueError("each kid may be given once")
    return AccessTokenKeys(keys)


def _key(key_id: object, scalar: object) -> AccessTokenKey:
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise ValueError("a kid has 1 to 64 letters, digits, dots, underscores and hyphens")
    try:
        private_key = derive_private_key(_number(scalar), SECP256R1())
    except ValueError:
        raise ValueError(
            f"the d of {key_id} must be a private key on P-256, 32 bytes in base64url"
        ) from None
    return AccessTokenKey(key_id, private_key)


def _number(text: object) -> int:
    if not isinstance(text, str) or not text.isascii():
        raise ValueError
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError from None
    if len(raw) != _SCALAR_BYTES:
        raise ValueError
    return int.from_bytes(raw)


def _base64url(number: int) -> str:
    raw = number.to_bytes(_SCALAR_BYTES)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
