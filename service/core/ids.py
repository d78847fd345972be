"""Public ids: a prefix, then 26 characters that sort by time and cannot be guessed (the ULID
layout, in lower case)."""

import re
import secrets
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_LENGTH = 26


class Ids(Protocol):
    """Makes new ids: `new("job", now)` returns `job_…` for a time in epoch milliseconds."""

    def new(self, prefix: str, at: int) -> str: ...


class RandomIds:
    """Ids of the millisecond and 80 random bits."""

    def new(self, prefix: str, at: int) -> str:
        number = (at << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        digits = (_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(_LENGTH)))
        return f"{prefix}_{''.join(digits)}"


def is_id(prefix: str, text: str) -> bool:
    """Whether the text has the form of one of our ids with that prefix."""
    return re.fullmatch(f"{prefix}_[{_ALPHABET}]{{{_LENGTH}}}", text) is not None
