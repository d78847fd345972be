"""What back ends and the sessions that they mint may do."""

from dataclasses import dataclass
from enum import StrEnum


class KeyScope(StrEnum):
    """What a server key may do: act for the back end's own users, who are named by an id of its
    own, and mint sessions for them; mint them for any
    existing user; state that an e-mail address is verified."""

    SESSIONS = "sessions"
    EXISTING_USERS = "existing_users"
    VERIFIED_EMAILS = "verified_emails"


class SessionScope(StrEnum):
    """What a minted session may do. Each route that is open to minted sessions names one."""

    CREATE_JOBS = "jobs:create"
    READ_JOBS = "jobs:read"
    READ_CREDITS = "credits:read"
    READ_ACCOUNT = "account:read"


@dataclass(frozen=True)
class Minted:
    """What binds a session that a server key minted, besides its scopes: the key, the origins whose
    pages may use it, and whether its credits have a ceiling."""

    key_id: str
    origins: frozenset[str]
    has_ceiling: bool
