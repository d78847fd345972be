"""Refresh tokens. Pure.

A token is `rt_<user id>.<session id>.<secret>.<MAC>`. The MAC says that this service made it, so
that a guess costs no read, and ends no one's session. Of the secret the table holds a keyed digest
alone. A token's successor follows from the token and our key: a client whose response was lost
receives the same one again, and no copy of it has to be kept anywhere for that."""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field

from service.core.ids import is_id
from service.core.principal import is_subject
from service.core.seals import holds, seal

PREFIX = "rt_"
SESSION_ID_PREFIX = "ses"
SECRET_BYTES = 32
MAX_TOKEN = 512

_FORM = re.compile(r"rt_[A-Za-z0-9_-]+\.[a-z0-9_]+\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{22}")
_MAC, _DIGEST = "refresh token", "refresh token digest"


@dataclass(frozen=True)
class RefreshToken:
    """A token that this service made for that session."""

    user_id: str
    session_id: str
    text: str = field(repr=False)


def made(user_id: str, session_id: str, secret: bytes, key: bytes) -> RefreshToken:
    """The token with that secret, of 32 random bytes."""
    head = f"{PREFIX}{_base64url(user_id.encode())}.{session_id}.{_base64url(secret)}"
    return RefreshToken(user_id, session_id, f"{head}.{seal([_MAC, head], key)}")


def parsed(text: str, key: bytes) -> RefreshToken | None:
    """None for what this service never made."""
    if len(text) > MAX_TOKEN or not _FORM.fullmatch(text):
        return None
    head, _, mac = text.rpartition(".")
    if not holds(mac, [_MAC, head], key):
        return None
    user, session_id, _ = head.removeprefix(PREFIX).split(".")
    user_id = _text(user)
    if user_id is None or not is_subject(user_id) or not is_id(SESSION_ID_PREFIX, session_id):
        return None
    return RefreshToken(user_id, session_id, text)


def successor(token: RefreshToken, key: bytes) -> RefreshToken:
    """The token that replaces it."""
    secret = hmac.digest(key, f"refresh token successor\n{token.text}".encode(), "sha256")
    return made(token.user_id, token.session_id, secret, key)


def digest(token: RefreshToken, key: bytes) -> str:
    """All that is stored of it."""
    return seal([_DIGEST, token.text], key)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _text(segment: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
