"""How a user's data key is itself encrypted (wrapped): by KMS (`service.storage.kms`), or on a
developer's machine by a key of our own."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.core.errors import Unavailable

KEY_BYTES = 32
LOCAL = "local"
_NONCE_BYTES = 12
_PURPOSE = b"farebox wrapping of data keys"

Context = Mapping[str, str]
"""What a wrapped key is bound to: under another context it cannot be unwrapped."""


class DataKeyUnavailable(Unavailable):
    code = "DATA_KEY_UNAVAILABLE"
    summary = "The service cannot use the key of private data right now. Try again shortly."
    retry_after = 5


class NotUnwrapped(Exception):
    """These bytes are no key that was wrapped in this way and under this context."""


@dataclass(frozen=True)
class WrappedKey:
    """A key as the table holds it. `by` names what wrapped it: a KMS key's ARN, or `local`."""

    wrapped: bytes
    by: str


@dataclass(frozen=True)
class NewKey:
    """A new key, plain and wrapped."""

    plaintext: bytes = field(repr=False)
    wrapped_key: WrappedKey


class Wrapping(Protocol):
    """Every method raises `DataKeyUnavailable`."""

    def new_key(self, context: Context) -> NewKey:
        """A new random key of `KEY_BYTES`."""
        ...

    def wrap(self, plaintext: bytes, context: Context) -> WrappedKey: ...

    def unwrap(self, key: WrappedKey, context: Context) -> bytes:
        """Raises `NotUnwrapped`."""
        ...

    def wraps(self, key: WrappedKey) -> bool:
        """Whether that key is wrapped as a new one would be."""
        ...


class LocalWrapping:
    """Wraps with a key derived from our own secret. Outside production only: whoever has the secret
    and the table has every data key."""

    def __init__(self, secret: bytes) -> None:
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=_PURPOSE).derive(secret)
        self._cipher = AESGCM(derived)

    def new_key(self, context: Context) -> NewKey:
        plaintext = secrets.token_bytes(KEY_BYTES)
        return NewKey(plaintext, self.wrap(plaintext, context))

    def wrap(self, plaintext: bytes, context: Context) -> WrappedKey:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return WrappedKey(nonce + self._cipher.encrypt(nonce, plaintext, _bound(context)), LOCAL)

    def unwrap(self, key: WrappedKey, context: Context) -> bytes:
        nonce, body = key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, _bound(context))
        except (InvalidTag, ValueError):
            raise NotUnwrapped from None

    def wraps(self, key: WrappedKey) -> bool:
        return key.by == LOCAL


def _bound(context: Context) -> bytes:
    return json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
