"""The text of a server key. Pure.

A key is `sk_<id>_<secret>_<MAC>`: 256 random bits, and a MAC which says that this service made the
text, so that a guess costs no read. A file of its own because nothing else sees the secret."""

import base64
import hmac
import re

from service.core.seals import holds, seal
from service.core.server_key_gate import SERVER_KEY_PREFIX
from service.server_keys.entities import KEY_ID_PREFIX

SECRET_BYTES = 32

_FORM = re.compile(r"sk_([0-9a-z]{26})_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{22}")
_MAC_LENGTH = 22
_MAC, _DIGEST = "server key", "server key digest"


def made(key_id: str, secret: bytes, mac_key: bytes) -> str:
    """The key of that id with that secret, of 32 random bytes."""
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    head = f"{SERVER_KEY_PREFIX}{key_id.removeprefix(f'{KEY_ID_PREFIX}_')}_{text}"
    return f"{head}_{seal([_MAC, head], mac_key)}"


def key_id_of(text: str, mac_key: bytes) -> str | None:
    """The id in a key; None for what this service never made."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    head, mac = text[: -_MAC_LENGTH - 1], text[-_MAC_LENGTH:]
    return f"{KEY_ID_PREFIX}_{form[1]}" if holds(mac, [_MAC, head], mac_key) else None


def digest_of(text: str, mac_key: bytes) -> str:
    """What is stored of a key."""
    return seal([_DIGEST, text], mac_key)


def is_digest_of(digest: str, text: str, mac_key: bytes) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(digest.encode(), digest_of(text, mac_key).encode())
