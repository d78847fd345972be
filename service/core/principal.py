"""The caller, as views receive it. `service.identity` establishes it; only the type is defined
here."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from service.core.scopes import Minted

_SUBJECT = re.compile(r"[A-Za-z0-9._:@|~-]{1,255}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PASSWORD_PREFIX = "usr_"
EXTERNAL_PREFIX = "ext_"
"""Of the users whom a back end of the house names by an id of its own."""


def is_subject(text: str) -> bool:
    """Whether the text can be a user id: 1 to 255 characters without `#`, which separates the parts
    of our keys."""
    return _SUBJECT.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in lower case, as every subject of a Cognito user pool is."""
    return _UUID.fullmatch(text) is not None


def is_google_subject(text: str) -> bool:
    """Whether the text can be Google's `sub`. User ids of all kinds share one namespace: those of
    password accounts begin with `usr_`, those of a back end's own users with `ext_`, those of
    Cognito users are UUIDs, and Google's are none of these, in whatever case."""
    lower = text.lower()
    if lower.startswith(EXTERNAL_PREFIX):
        return False
    return is_subject(text) and not is_uuid(lower) and not lower.startswith(PASSWORD_PREFIX)


class SignInMethod(StrEnum):
    """What proved who the caller is. `BARE` proves nothing: a GoogleID that is trusted outside
    production."""

    GOOGLE = "google"
    COGNITO = "cognito"
    SESSION = "session"
    SERVER_KEY = "server_key"
    BARE = "bare"


@dataclass(frozen=True)
class Principal:
    """The authenticated caller. `subject` is the user id, unique among all issuers. `email` may
    change and does not identify the user; `email_verified` says whether the issuer has verified
    it. `authenticated_at` is when the user signed in, in epoch milliseconds; None: nothing proves
    it. `issued_at` is when the token was issued, in epoch milliseconds; None without a token.
    `session_id` is that of one of our own sessions. `minted` says what binds one that a server key
    minted (None: it is none), and `scopes` what it may do; of a server key, what the key may do.
    `hosted_domain` is the Google Workspace that the account belongs to, `groups` are those of a
    Cognito user: what an issuer says of whom it vouches for."""

    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
    email_verified: bool = field(default=False, repr=False)
    method: SignInMethod = SignInMethod.BARE
    session_id: str | None = field(default=None, repr=False)
    scopes: frozenset[str] = frozenset()
    minted: Minted | None = None
    authenticated_at: int | None = field(default=None, compare=False, repr=False)
    issued_at: int | None = field(default=None, compare=False, repr=False)
    hosted_domain: str | None = field(default=None, compare=False, repr=False)
    groups: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    def may(self, scope: str | None) -> bool:
        """Whether that scope of minted sessions (None: nothing that any of them may do) is the
        principal's. Whoever is not bound by one may do all that users may."""
        return self.minted is None or scope in self.scopes


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
