"""The keys of sessions."""

from service.storage.keys import ItemKind, Key, user_partition

SESSION_PREFIX = "SESSION#"
_OWNER = "sessions"

SESSION = ItemKind(
    "session",
    _OWNER,
    "USER#<user id>",
    f"{SESSION_PREFIX}<session id>",
    "a sign-in of the user, and the digest of its refresh token; TTL `expiresAt`",
    needs_wallet=False,
)
ITEMS = (SESSION,)


def session(user_id: str, session_id: str) -> Key:
    return Key(user_partition(user_id), f"{SESSION_PREFIX}{session_id}")
