"""The caller, as views receive it. `service.identity` establishes it; only the type is defined
here."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

_SUBJECT = re.compile(r"[A-Za-z0-9._:@|~-]{1,255}")


def is_subject(text: str) -> bool:
    """Whether the text can be a user id: 1 to 255 characters without `#`, which separates the parts
    of our keys."""
    return _SUBJECT.fullmatch(text) is not None


@dataclass(frozen=True)
class Principal:
    """The authenticated caller. `subject` is the user id, unique within the `issuer`. `email` may
    change and does not identify the user. `authenticated_at` is when the user signed in, in epoch
    milliseconds; None: nothing proves it."""

    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
    authenticated_at: int | None = field(default=None, compare=False, repr=False)


class OperatorMethod(StrEnum):
    """How an operator was authenticated."""

    SIGN_IN = "sign_in"
    SIGNATURE = "signature"


@dataclass(frozen=True)
class Operator:
    """An authenticated operator. `operator_id` is `<issuer>|<subject>`, or for a key that belongs
    to no person `key:<key id>`. `authenticated_at` (epoch milliseconds) is when the person signed
    in (None: nothing proves it), or when the request was signed."""

    operator_id: str
    method: OperatorMethod
    authenticated_at: int | None
    scopes: frozenset[str] = frozenset({"admin"})


MAX_OPERATOR_ID = 100
"""With a reason, an operator's id has to fit into the details of an entry of the ledger."""


def qualified(issuer: str, subject: str) -> str:
    """The id of a subject among all issuers."""
    return f"{issuer}|{subject}"
