"""The keys of profiles, devices, claims and the count of users. A digest is an HMAC (22
characters), never the thing itself."""

from service.storage.keys import DueKind, ItemKind, Key, user_partition

DEVICE_PREFIX = "DEVICE#"
FINGERPRINT_PREFIX = "FINGERPRINT#"
IDENTITY_PREFIX = "IDENTITY#"
EMAIL_PREFIX = "EMAIL#"
TAG_PREFIX = "TAG#"
MAILBOX_PREFIX = "MAILBOX#"
CLAIM = "CLAIM"
CLAIM_PREFIXES = (FINGERPRINT_PREFIX, IDENTITY_PREFIX, MAILBOX_PREFIX)
INDEX_ATTRIBUTES = ("GSI1PK", "GSI1SK")
_OWNER = "users"

COUNT = Key("SYSTEM", "USERS")
REVIEWS = DueKind("REVIEW", _OWNER, 1)
DUE = (REVIEWS,)
LINKED_IDENTITY = ItemKind(
    "linked identity",
    _OWNER,
    "USER#<user id>",
    "IDENTITY#<digest>",
    "a further identity that the user signs in with, or did until it was unlinked",
)
SHARES = ItemKind(
    "device shares",
    _OWNER,
    "FINGERPRINT#<digest>",
    "SHARES",
    "the users who signed up with the device without claiming it",
)
REVIEW = ItemKind(
    "review",
    _OWNER,
    "USER#<user id>",
    "REVIEW",
    "a sign-up that waits, or waited, for an operator's decision",
    "GSI2 `DUE#REVIEW#0` / `<sign-up, 13 digits of ms>`, until it is decided",
)

ITEMS = (
    ItemKind(
        "profile",
        _OWNER,
        "USER#<user id>",
        "PROFILE",
        "who the user is; can be erased",
        "GSI1 `EMAIL#<digest>` / `USER#<user id>`",
    ),
    ItemKind(
        "device",
        _OWNER,
        "USER#<user id>",
        "DEVICE#<digest>",
        "a device of the user: of the sign-up, or of a captured job",
        "GSI1 `FINGERPRINT#<digest>` / `USER#<user id>`, until it is released",
    ),
    ItemKind(
        "device claim",
        _OWNER,
        "FINGERPRINT#<digest>",
        CLAIM,
        "the user whom the device belongs to",
    ),
    ItemKind(
        "mailbox claim",
        _OWNER,
        "MAILBOX#<digest>",
        CLAIM,
        "the user whose verified e-mail address leads to the mailbox",
    ),
    LINKED_IDENTITY,
    SHARES,
    REVIEW,
    ItemKind(
        "identity claim",
        _OWNER,
        "IDENTITY#<digest>",
        CLAIM,
        "the user who was welcomed under the identity",
        "GSI1 `TAG#<tag, 8 hex digits>` / `USER#<user id>`",
    ),
    ItemKind("count of users", _OWNER, "SYSTEM", "USERS", "how many open wallets there are"),
)


def profile(user_id: str) -> Key:
    return Key(user_partition(user_id), "PROFILE")


def device(user_id: str, digest: str) -> Key:
    return Key(user_partition(user_id), f"{DEVICE_PREFIX}{digest}")


def fingerprint_claim(digest: str) -> Key:
    return Key(f"{FINGERPRINT_PREFIX}{digest}", CLAIM)


def shares(digest: str) -> Key:
    return Key(f"{FINGERPRINT_PREFIX}{digest}", "SHARES")


def review(user_id: str) -> Key:
    return Key(user_partition(user_id), "REVIEW")


def identity_claim(digest: str) -> Key:
    return Key(f"{IDENTITY_PREFIX}{digest}", CLAIM)


def mailbox_claim(digest: str) -> Key:
    return Key(f"{MAILBOX_PREFIX}{digest}", CLAIM)


def linked_identity(user_id: str, digest: str) -> Key:
    return Key(user_partition(user_id), f"{IDENTITY_PREFIX}{digest}")


def device_index(user_id: str, digest: str) -> dict[str, str]:
    """The attributes that put a device into GSI1."""
    return {"GSI1PK": f"{FINGERPRINT_PREFIX}{digest}", "GSI1SK": user_partition(user_id)}


def email_index(user_id: str, digest: str) -> dict[str, str]:
    """The attributes that put a profile into GSI1."""
    return {"GSI1PK": f"{EMAIL_PREFIX}{digest}", "GSI1SK": user_partition(user_id)}


def tag_index(user_id: str, tag: str) -> dict[str, str]:
    """The attributes that put an identity claim into GSI1."""
    return {"GSI1PK": f"{TAG_PREFIX}{tag}", "GSI1SK": user_partition(user_id)}
