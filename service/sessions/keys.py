"""The keys of sessions."""

from service.storage.keys import ItemKind, Key, user_partition

_PREFIX = "SESSION#"
# The kind of session follows from its id, so that each kind is listed by itself.
SESSION_PREFIX = f"{_PREFIX}ses_"
MINTED_PREFIX = f"{_PREFIX}mint_"
_OWNER = "sessions"

SESSION = ItemKind(
    "session",
    _OWNER,
    "USER#<user id>",
    f"{SESSION_PREFIX}<session id>",
    "a sign-in of the user, and the digest of its refresh token; TTL `expiresAt`",
    needs_wallet=False,
)
MINTED = ItemKind(
    "minted session",
    _OWNER,
    "USER#<user id>",
    f"{MINTED_PREFIX}<session id>",
    "the credit ceiling of a session that a server key minted, and what counts against it; TTL "
    "`expiresAt`",
    needs_wallet=False,
)
ITEMS = (SESSION, MINTED)


def session(user_id: str, session_id: str) -> Key:
    """Of a session of either kind."""
    return Key(user_partition(user_id), f"{_PREFIX}{session_id}")


def session_id_of(sort_key: str) -> str:
    return sort_key.removeprefix(_PREFIX)
