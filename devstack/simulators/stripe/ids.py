"""Identifiers that sort by time and stay unique when the simulators are restarted."""

import hashlib
import itertools
from collections.abc import Callable

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TIME_LENGTH, _COUNT_LENGTH = 8, 6


class Ids:
    """New identifiers; `now` is in milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._counter = itertools.count(1)

    def new(self, prefix: str) -> str:
        """`prefix_…`: the time, then a number that only rises."""
        count = next(self._counter)
        return f"{prefix}_{_text(self._now(), _TIME_LENGTH)}{_text(count, _COUNT_LENGTH)}"


def client_secret(identifier: str) -> str:
    """What a browser needs to pay, derived from the identifier."""
    digest = hashlib.sha256(identifier.encode()).hexdigest()
    return f"{identifier}_secret_{digest[:32]}"


def fingerprint(number: str) -> str:
    """The same for each use of one card."""
    return hashlib.sha256(b"card " + number.encode()).hexdigest()[:16]


def _text(number: int, length: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits.rjust(length, "0")
