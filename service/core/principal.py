"""Who is calling, as the views receive it. `service.identity` establishes it; this is only its
shape."""

import re
from dataclasses import dataclass, field

_SUBJECT = re.compile(r"[A-Za-z0-9._:@|~-]{1,255}")


def is_subject(text: str) -> bool:
    """Whether the text can be a user's id: 1 to 255 characters, none of which has a meaning in our
    keys (no `#`)."""
    return _SUBJECT.fullmatch(text) is not None


@dataclass(frozen=True)
class Principal:
    """Who is calling, as far as it was proved: `subject` is the id of the user, unique within the
    `issuer`. `email` may change and is no id."""

    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
