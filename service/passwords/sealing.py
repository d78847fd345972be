"""Tokens that are mailed, and what is sealed with them or with our own key. Pure but for the random
tokens.

In a file of its own because nothing that the table holds may open a link or a password's hash."""

import hashlib
import hmac
import secrets

from service.storage.keys import Key
from service.storage.sealed import NotOpened, open_text, place_of, seal_text

_TOKEN_BYTES = 32
_VERSION = 1


def new_token() -> str:
    """256 random bits, 43 characters."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


class Sealing:
    """Seals hashes with a key that is not in the table, and what waits for a click with the mailed
    token itself: a copy of the table opens neither."""

    def __init__(self, table_name: str, key: bytes) -> None:
        self._table_name = table_name
        self._key = key

    def digest(self, kind: str, text: str) -> str:
        """A token, or the network of a user, as the table knows it."""
        return self._mac(f"{kind}\n{text}").hex()[:32]

    def seal(self, key: Key, text: str) -> bytes:
        """The text, for that item alone."""
        return seal_text(self._mac("hash"), _VERSION, self._place(key), text)

    def open(self, key: Key, sealed: bytes) -> str | None:
        """None for what was not sealed for that item."""
        return _opened(self._mac("hash"), self._place(key), sealed)

    def seal_with(self, token: str, key: Key, text: str) -> bytes:
        """The text, for that item, and for whoever has the token."""
        return seal_text(_key_of(token), _VERSION, self._place(key), text)

    def open_with(self, token: str, key: Key, sealed: bytes) -> str | None:
        """None for what was not sealed with the token for that item."""
        return _opened(_key_of(token), self._place(key), sealed)

    def _place(self, key: Key) -> bytes:
        return place_of(self._table_name, key, "sealed")

    def _mac(self, text: str) -> bytes:
        return hmac.new(self._key, f"passwords\n{text}".encode(), hashlib.sha256).digest()


def _key_of(token: str) -> bytes:
    return hashlib.sha256(f"sealed with a mailed token\n{token}".encode()).digest()


def _opened(key: bytes, place: bytes, sealed: bytes) -> str | None:
    try:
        return open_text(key, place, sealed)
    except NotOpened:
        return None
