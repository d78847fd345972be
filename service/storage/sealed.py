"""Text and bytes that are encrypted for one attribute of one item: AES-256-GCM (NIST SP 800-38D).
Pure but for the random nonce.

Sealed bytes: the form (1 byte), the version of the data key (2), the nonce (12), the ciphertext and
its tag (16). A data key seals far fewer than the 2^32 texts that random nonces allow."""

import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.storage.keys import Key

MAX_TEXT_BYTES = 256 * 1024
MAX_BYTES = 4 * 1024 * 1024
_FORM = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD_BYTES = 3


class NotOpened(Exception):
    """These bytes were not sealed with this key for this place."""


def seal_text(key: bytes, version: int, place: bytes, text: str) -> bytes:
    """Raises `ValueError` for a text of more than `MAX_TEXT_BYTES`."""
    plain = text.encode()
    if len(plain) > MAX_TEXT_BYTES:
        raise ValueError(f"a sealed text has at most {MAX_TEXT_BYTES} bytes")
    return seal_bytes(key, version, place, plain)


def seal_bytes(key: bytes, version: int, place: bytes, plain: bytes) -> bytes:
    """Raises `ValueError` for more than `MAX_BYTES`."""
    if len(plain) > MAX_BYTES:
        raise ValueError(f"at most {MAX_BYTES} bytes are sealed at once")
    head = bytes([_FORM]) + version.to_bytes(2, "big")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(key).encrypt(nonce, plain, head + place)


def open_text(key: bytes, place: bytes, sealed: bytes) -> str:
    """Raises `NotOpened`."""
    try:
        return open_bytes(key, place, sealed).decode()
    except ValueError:
        raise NotOpened from None


def open_bytes(key: bytes, place: bytes, sealed: bytes) -> bytes:
    """Raises `NotOpened`."""
    key_version(sealed)
    head, rest = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
    try:
        return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + place)
    except (InvalidTag, ValueError):
        raise NotOpened from None


def key_version(sealed: bytes) -> int:
    """Which version of the data key has sealed it. Raises `NotOpened` for what was never sealed."""
    if len(sealed) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES or sealed[0] != _FORM:
        raise NotOpened
    return int.from_bytes(sealed[1:_HEAD_BYTES], "big")


def place_of(table_name: str, key: Key, attribute: str) -> bytes:
    """What a sealed text is bound to: copied anywhere else, it cannot be opened."""
    return json.dumps([table_name, key.pk, key.sk, attribute], separators=(",", ":")).encode()
