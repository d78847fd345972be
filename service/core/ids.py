"""Public ids: a prefix, then 26 characters that sort by time and cannot be guessed (the ULID
layout, in lower case)."""

import hashlib
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
        return text_of(prefix, (at << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))


def text_of(prefix: str, number: int) -> str:
    """The id with that number: the milliseconds, then 80 random bits."""
    digits = (_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(_LENGTH)))
    return f"{prefix}_{''.join(digits)}"


def number_of(prefix: str, text: str) -> int:
    """The inverse of `text_of`. Raises `ValueError` for a text that is no such id."""
    if not is_id(prefix, text):
        raise ValueError(f"{text} is no id of the kind {prefix}")
    number = 0
    for digit in text.removeprefix(f"{prefix}_"):
        number = number << 5 | _ALPHABET.index(digit)
    return number


def time_of(prefix: str, text: str) -> int:
    """The millisecond of an id. Raises `ValueError` for a text that is no such id."""
    return number_of(prefix, text) >> _RANDOM_BITS


def derived_id(prefix: str, at: int, facts: str) -> str:
    """The id of that millisecond and 80 bits of the facts' SHA-256: the same facts at the same time
    have the same id."""
    digest = hashlib.sha256(facts.encode()).digest()
    rest = int.from_bytes(digest[: _RANDOM_BITS // 8])
    return text_of(prefix, (at << _RANDOM_BITS) | rest)


def is_id(prefix: str, text: str) -> bool:
    """Whether the text has the form of one of our ids with that prefix."""
    return re.fullmatch(id_pattern(prefix), text) is not None


def id_pattern(prefix: str) -> str:
    """What our ids with that prefix match, as a regular expression of Python or JSON Schema."""
    return f"^{prefix}_[{_ALPHABET}]{{{_LENGTH}}}$"
