"""The keys that operators' machines sign with, by key id: read when the first signed request comes,
and again every minute, so that a key that is taken out stops working without a restart."""

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.core.clock import Clock
from service.core.keyring import MIN_KEY_LENGTH
from service.core.principal import MAX_OPERATOR_ID
from service.storage.secrets import SecretUnavailable

ED25519 = "ed25519"
HMAC_SHA256 = "hmac-sha256"
FRESH_SECONDS = 60.0
AFTER_FAILURE_SECONDS = 5.0
MAX_KEYS = 100

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class OperatorKey:
    """A key that verifies: an Ed25519 public key, or a shared secret. `operator_id` is whom a
    request signed with it comes from."""

    operator_id: str
    algorithm: str
    key: Ed25519PublicKey | bytes = field(repr=False)


Keys = Mapping[str, OperatorKey]


class OperatorKeys:
    """Finds keys by id. `read` fetches all of them. Safe from any thread."""

    def __init__(self, read: Callable[[], Keys], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._guard = threading.Lock()
        self._keys: Keys | None = None
        self._fresh_until = float("-inf")

    def find(self, key_id: str) -> OperatorKey | None:
        """The key with that id, None if there is none. Raises `SecretUnavailable` if the keys
        cannot be read; after that they are not read again for five seconds."""
        with self._guard:
            if self._clock.monotonic() >= self._fresh_until:
                self._refresh()
            if self._keys is None:
                raise SecretUnavailable
            return self._keys.get(key_id)

    def _refresh(self) -> None:
        """A key that was taken out must not work on because the rest cannot be read."""
        self._keys = None
        self._fresh_until = self._clock.monotonic() + AFTER_FAILURE_SECONDS
        self._keys = self._read()
        self._fresh_until = self._clock.monotonic() + FRESH_SECONDS


def keys_of_secret(text: str) -> Keys:
    """A secret's JSON: {key id: {"algorithm", "publicKey" (base64 of the 32 bytes) or "secret",
    "operator" (whom it belongs to, as in `ADMIN_SUBJECTS`; may be left out)}}. Raises `ValueError`,
    which quotes no key."""
    document: Any = json.loads(text)
    if not isinstance(document, dict) or len(document) > MAX_KEYS:
        raise ValueError(f"must be an object of at most {MAX_KEYS} keys")
    return {key_id: _of_secret(key_id, fields) for key_id, fields in document.items()}


def keys_of_setting(text: str) -> Keys:
    """`key id:algorithm:key` separated by commas. Raises `ValueError`, which quotes no key."""
    keys = {}
    for part in filter(None, map(str.strip, text.split(","))):
        key_id, _, rest = part.partition(":")
        algorithm, _, key = rest.partition(":")
        keys[key_id] = _key(key_id, algorithm, key, "")
    return keys


def _of_secret(key_id: str, fields: Any) -> OperatorKey:
    if not isinstance(fields, dict):
        raise ValueError("each key is an object")
    algorithm = fields.get("algorithm")
    key = fields.get("publicKey" if algorithm == ED25519 else "secret")
    return _key(key_id, algorithm, key, fields.get("operator", ""))


def _key(key_id: str, algorithm: object, text: object, operator: object) -> OperatorKey:
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("a key id has 1 to 64 letters, digits, dots, underscores and hyphens")
    if not isinstance(text, str) or not isinstance(operator, str):
        raise ValueError(f"the key {key_id} is incomplete")
    if len(operator) > MAX_OPERATOR_ID or not operator.isascii():
        raise ValueError(f"the operator of {key_id} has at most {MAX_OPERATOR_ID} ASCII characters")
    operator_id = operator or f"key:{key_id}"
    if algorithm == ED25519:
        raw = base64.b64decode(text, validate=True)
        return OperatorKey(operator_id, ED25519, Ed25519PublicKey.from_public_bytes(raw))
    if algorithm != HMAC_SHA256:
        raise ValueError(f"the algorithm of {key_id} must be {ED25519} or {HMAC_SHA256}")
    if len(text) < MIN_KEY_LENGTH:
        raise ValueError(f"the secret of {key_id} needs at least {MIN_KEY_LENGTH} characters")
    return OperatorKey(operator_id, HMAC_SHA256, text.encode())
