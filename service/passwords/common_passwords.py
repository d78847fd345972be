"""Passwords that are guessed first.

`common_passwords.bin` is made by `release.common_passwords`: the first 40 bits of the SHA-256 of
each, sorted. One password in ten million is on the list by chance."""

import hashlib
import unicodedata
from functools import cached_property
from pathlib import Path

DIGEST_BYTES = 5
LIST = Path(__file__).with_name("common_passwords.bin")


def digest_of(password: str) -> bytes:
    """The same for every spelling that differs in case or in compatible characters alone."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


class CommonPasswords:
    """The list, half a megabyte, read at its first use."""

    def __init__(self, path: Path = LIST) -> None:
        self._path = path

    def __contains__(self, password: object) -> bool:
        if not isinstance(password, str):
            return False
        wanted, low, high = digest_of(password), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._at(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low < len(self) and self._at(low) == wanted

    def __len__(self) -> int:
        return len(self._digests) // DIGEST_BYTES

    def _at(self, position: int) -> bytes:
        return self._digests[position * DIGEST_BYTES : (position + 1) * DIGEST_BYTES]

    @cached_property
    def _digests(self) -> bytes:
        return self._path.read_bytes()
