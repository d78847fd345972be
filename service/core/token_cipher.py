"""Sealed tokens: a few strings, encrypted and authenticated, for URLs that third parties
receive."""

import base64
import hashlib
import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

MAX_TOKEN = 1024


class TokenCipher:
    """Seals with the first key, opens with any of them, so that keys can be replaced one after the
    other."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_fernet_key(key)) for key in keys])

    def seal(self, words: Sequence[str]) -> str:
        return (
            self._fernet.encrypt(json.dumps(list(words), ensure_ascii=False).encode())
            .decode()
            .rstrip("=")
        )

    def open(self, token: str, max_length: int = MAX_TOKEN) -> list[str] | None:
        """Returns the sealed strings, or None if the token is not one of ours."""
        if len(token) > max_length or not token.isascii():
            return None
        try:
            words: list[str] = json.loads(self._fernet.decrypt(token + "=" * (-len(token) % 4)))
        except (InvalidToken, ValueError):
            return None
        return words


def _fernet_key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(f"sealed-token\n{secret}".encode()).digest())
