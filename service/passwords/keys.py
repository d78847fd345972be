"""The keys of credentials, of registrations and resets that wait for a click, and of counted tries.
A digest is an HMAC, never the thing itself."""

from service.storage.keys import ItemKind, Key, user_partition

CREDENTIALS_PREFIX = "PASSWORD#"
REGISTRATION_PREFIX = "REGISTRATION#"
RESET_PREFIX = "RESET#"
_OWNER = "passwords"

CREDENTIALS = ItemKind(
    "credentials",
    _OWNER,
    "PASSWORD#<digest of the mailbox>",
    "CREDENTIALS",
    "the hash of a password, sealed, and whose it is",
)
OWNED = ItemKind(
    "password",
    _OWNER,
    "USER#<user id>",
    "PASSWORD",
    "under which mailbox the user's credentials are",
)
REGISTRATION = ItemKind(
    "registration",
    _OWNER,
    "REGISTRATION#<digest of the token>",
    "REGISTRATION",
    "who wants an account, until the address is verified; only the mailed token opens it",
)
RESET = ItemKind(
    "password reset",
    _OWNER,
    "RESET#<digest of the token>",
    "RESET",
    "whose password may be replaced with the mailed token",
)
TRIES = ItemKind(
    "password tries",
    _OWNER,
    "TRIES#<digest of address and network>",
    "TRIES",
    "how often passwords were tried, and when the next may be",
)
ITEMS = (CREDENTIALS, OWNED, REGISTRATION, RESET, TRIES)


def credentials(digest: str) -> Key:
    return Key(f"{CREDENTIALS_PREFIX}{digest}", "CREDENTIALS")


def owned(user_id: str) -> Key:
    return Key(user_partition(user_id), "PASSWORD")


def registration(digest: str) -> Key:
    return Key(f"{REGISTRATION_PREFIX}{digest}", "REGISTRATION")


def reset(digest: str) -> Key:
    return Key(f"{RESET_PREFIX}{digest}", "RESET")


def tries(digest: str) -> Key:
    return Key(f"TRIES#{digest}", "TRIES")


def credentials_of(pk: str) -> Key:
    """The credentials in whose partition an item lies."""
    return Key(pk, "CREDENTIALS")
