"""The caller, as views receive it. `service.identity` establishes it; only the type is defined
here."""

import re
from dataclasses import dataclass, field

_SUBJECT = re.compile(r"[A-Za-z0-9._:@|~-]{1,255}")


def is_subject(text: str) -> bool:
    """Whether the text can be a user id: 1 to 255 characters without `#`, which separates the parts
    of our keys."""
    return _SUBJECT.fullmatch(text) is not None


@dataclass(frozen=True)
class Principal:
    """The authenticated caller. `subject` is the user id, unique within the `issuer`. `email` may
    change and does not identify the user."""

    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
