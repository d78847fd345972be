"""Which passwords are good enough (NIST SP 800-63B-4, 3.1.1.2): long, and not among those that are
guessed first. No rule about kinds of characters, and no expiry. Pure.

In a file of its own because the list of common passwords is a file too."""

import unicodedata
from collections.abc import Collection, Container
from dataclasses import dataclass
from enum import StrEnum

from service.core.errors import InvalidRequest

MAX_PASSWORD_BYTES = 1024
MAX_REPEATED_PART = 5


class Weakness(StrEnum):
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    PERSONAL = "personal"
    REPEATED = "repeated"


_SENTENCES = {
    Weakness.TOO_SHORT: "The password is too short.",
    Weakness.TOO_LONG: f"The password has more than {MAX_PASSWORD_BYTES} bytes.",
    Weakness.COMMON: "The password is one of those that are guessed first.",
    Weakness.PERSONAL: "The password is the e-mail address, or its first part.",
    Weakness.REPEATED: "The password repeats a few characters over and over.",
}


class PasswordRejected(InvalidRequest):
    code = "PASSWORD_REJECTED"
    summary = "The password is not good enough; `details` says why."
    details_example = {"reason": Weakness.TOO_SHORT, "minLength": 15}  # noqa: RUF012
    advice = (
        "Let the person choose a longer one, such as a few words in a row. Any character is "
        "allowed, spaces too."
    )

    def __init__(self, weakness: Weakness, min_length: int) -> None:
        details = {"reason": weakness, "minLength": min_length}
        super().__init__(_SENTENCES[weakness], details=details)


@dataclass(frozen=True)
class PasswordPolicy:
    """`min_length` counts Unicode characters; `common` holds what is guessed first."""

    min_length: int
    common: Container[str]

    def check(self, password: str, addresses: Collection[str]) -> None:
        """Raises `PasswordRejected` for a new password of the person with those e-mail
        addresses."""
        weakness = self.weakness(password, addresses)
        if weakness is not None:
            raise PasswordRejected(weakness, self.min_length)

    def weakness(self, password: str, addresses: Collection[str]) -> Weakness | None:
        normal = normalized(password)
        if len(normal.encode()) > MAX_PASSWORD_BYTES:
            return Weakness.TOO_LONG
        if len(normal) < self.min_length:
            return Weakness.TOO_SHORT
        if any(normal.casefold() in _names(address) for address in addresses):
            return Weakness.PERSONAL
        if is_repeated(normal):
            return Weakness.REPEATED
        return Weakness.COMMON if password in self.common else None


def normalized(password: str) -> str:
    """What is hashed: Normalization Form C, so that a keyboard that composes `é` and one that does
    not enter the same password (NIST SP 800-63B-4, 3.1.1.2). Nothing is trimmed or cut off."""
    return unicodedata.normalize("NFC", password)


def is_repeated(text: str) -> bool:
    """Whether the text is a part of at most `MAX_REPEATED_PART` characters over and over."""
    return any(
        text == (text[:size] * len(text))[: len(text)]
        for size in range(1, min(MAX_REPEATED_PART, len(text) // 2) + 1)
    )


def _names(address: str) -> frozenset[str]:
    lower = address.casefold()
    return frozenset({lower, lower.rpartition("@")[0]})
