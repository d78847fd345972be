"""A session, what may become of a refresh token that is presented, and the errors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import ClassVar

from service.core.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated

GRACE_SECONDS = 10
"""How long the token before the current one is still exchanged for the current one: a client whose
response was lost repeats its request, and two tabs of one browser refresh at once."""

MAX_SESSIONS = 50
MAX_DEVICE = 200
MAX_EXTERNAL_ID = 128
EXTERNAL_ID = re.compile(r"[A-Za-z0-9._~-]+")
"""What a back end may call a user of its own."""

KEPT_DAYS = 7
SECOND_MILLISECONDS = 1000
DAY_MILLISECONDS = 24 * 3600 * SECOND_MILLISECONDS


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REUSE = "reuse"
    LIMIT = "limit"
    PASSWORD = "password"
    DISABLED = "disabled"
    ERASURE = "erasure"


class ExternalUserRequired(InvalidRequest):
    """A server key acts for a user of its back end, and for no other."""

    code = "EXTERNAL_USER_REQUIRED"
    summary = (
        f"With a server key, `user` must be your own id of the user: 1 to {MAX_EXTERNAL_ID} "
        "letters, digits, dots, ~, _ and -."
    )
    details_example: ClassVar[Mapping[str, object]] = {"param": "user"}
    advice = "Send the id of the user who pays. For a user who signed in here, mint a session."

    def __init__(self) -> None:
        super().__init__(details={"param": "user"})


class Presented(Enum):
    """What a genuine refresh token is to its session."""

    CURRENT = auto()
    REPEATED = auto()
    REUSED = auto()
    ENDED = auto()


class RefreshFault(StrEnum):
    """Why a refresh token is refused, for the developers of the front end."""

    MISSING = "missing"
    MALFORMED = "malformed"
    ENDED = "ended"
    REUSED = "reused"


_SENTENCES = {
    RefreshFault.MISSING: "Send the refresh token as refreshToken, or in the cookie.",
    RefreshFault.MALFORMED: "The refresh token is not one of this service.",
    RefreshFault.ENDED: "The session has ended. Sign in again.",
    RefreshFault.REUSED: "The refresh token was used before, so its session has been ended: "
    "someone may have stolen it. Sign in again.",
}


class RefreshTokenRejected(Unauthenticated):
    """`details.reason` is one of `RefreshFault`."""

    code = "REFRESH_TOKEN_REJECTED"
    summary = "The refresh token cannot be accepted; details.reason says why."
    advice = "Sign the user in again, then `POST /auth/session`."
    details_example: ClassVar[Mapping[str, object]] = {"reason": RefreshFault.ENDED.value}

    def __init__(self, fault: RefreshFault) -> None:
        super().__init__(_SENTENCES[fault], details={"reason": fault.value})


class ProviderTokenRequired(Forbidden):
    """A session must not open another: it would outlive itself."""

    code = "PROVIDER_TOKEN_REQUIRED"
    summary = "A session is opened with the token of the sign-in, not with one of our own."


class NoSession(Forbidden):
    code = "NO_SESSION"
    summary = "The request is not signed in with a session that could be ended; send all: true."


class SessionNotFound(NotFound):
    code = "SESSION_NOT_FOUND"
    summary = "You have no such session, or it has ended."


@dataclass(frozen=True)
class Session:
    """One sign-in of a user and its family of refresh tokens. Times are epoch milliseconds.

    `digest` is that of the current refresh token, `previous` of the one before (None: there was
    none), `rotated_at` when the current one replaced it. `issuer` vouches for the user id, such as
    Google, and `authenticated_at` is when the user signed in there (None: nothing proves it).
    `email` is sealed. `device` is what the client says it is, `ended_at` when the session was ended
    before `ends_at`."""

    user_id: str
    session_id: str
    issuer: str
    device: str
    created_at: int
    last_used_at: int
    ends_at: int
    digest: str | None
    previous: str | None = None
    rotated_at: int | None = None
    authenticated_at: int | None = None
    email: bytes | None = field(default=None, repr=False)
    email_verified: bool = False
    scopes: frozenset[str] = frozenset()
    ended_at: int | None = None
    end: SessionEnd | None = None

    def is_live(self, now: int) -> bool:
        return self.ended_at is None and now < self.ends_at


def presented(session: Session, digest: str, now: int) -> Presented:
    """What the genuine refresh token with that digest is to its session. Pure."""
    if not session.is_live(now):
        return Presented.ENDED
    if digest == session.digest:
        return Presented.CURRENT
    grace_until = (session.rotated_at or 0) + GRACE_SECONDS * SECOND_MILLISECONDS
    if digest == session.previous and now < grace_until:
        return Presented.REPEATED
    return Presented.REUSED


def kept_until_seconds(ends_at: int) -> int:
    """When the item of a session that ends then may disappear, in epoch seconds."""
    return (ends_at + KEPT_DAYS * DAY_MILLISECONDS) // SECOND_MILLISECONDS


@dataclass(frozen=True)
class NewSession:
    """What a client receives of a session that was opened or refreshed. Its access token is good
    for `expires_in_seconds`, its refresh token for `left_seconds`."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    session_id: str
    expires_in_seconds: int
    left_seconds: int


@dataclass(frozen=True)
class SignedIn:
    """A session and its user. `registered` says whether there is an account."""

    session: NewSession
    user_id: str
    email: str | None = field(repr=False)
    registered: bool
