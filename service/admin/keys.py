"""The keys of the operators' log. A subject is a user, or the house as a whole (None)."""

import hashlib

from service.storage.keys import ItemKind, Key, user_partition

RECORD_PREFIX = "OPERATION#"
USE_PREFIX = "OPERATION_KEY#"
APPROVAL_PREFIX = "APPROVAL#"
HEAD = "OPERATIONS"
# What sealed texts are bound to, besides the key of their item.
REASON = "reason"
# What every sort key of the log begins with.
LOG_PREFIX = "OPERATION"
HOUSE = "HOUSE"
_OWNER = "admin"

_USER = "USER#<user id>"
APPROVAL = ItemKind(
    "approval",
    _OWNER,
    "APPROVALS",
    "APPROVAL#<approval id>",
    "an adjustment that waits, or waited, for a second operator",
)
ITEMS = (
    APPROVAL,
    ItemKind(
        "operator record",
        _OWNER,
        _USER,
        f"{RECORD_PREFIX}<number, 12 digits>",
        "what an operator did to this user; never changed",
    ),
    ItemKind(
        "operator key",
        _OWNER,
        _USER,
        f"{USE_PREFIX}<digest>",
        "the record that an operator's idempotency key stands for",
    ),
    ItemKind("operator log", _OWNER, _USER, HEAD, "how many records there are, and the last MAC"),
    ItemKind(
        "house record",
        _OWNER,
        HOUSE,
        f"{RECORD_PREFIX}<number, 12 digits>",
        "what an operator did that concerns no single user; never changed",
    ),
    ItemKind(
        "house key",
        _OWNER,
        HOUSE,
        f"{USE_PREFIX}<digest>",
        "the record that an operator's idempotency key stands for",
    ),
    ItemKind(
        "house log",
        _OWNER,
        HOUSE,
        HEAD,
        "how many records of the house there are, and the last MAC",
    ),
)


def approval(approval_id: str) -> Key:
    return Key(APPROVAL.pk, f"{APPROVAL_PREFIX}{approval_id}")


def partition(subject: str | None) -> str:
    """Where the log of that subject is."""
    return HOUSE if subject is None else user_partition(subject)


def head(subject: str | None) -> Key:
    return Key(partition(subject), HEAD)


def record(subject: str | None, number: int) -> Key:
    return Key(partition(subject), f"{RECORD_PREFIX}{number:012d}")


def item(subject: str | None, sort_key: str) -> Key:
    """An item of a log whose sort key was read."""
    return Key(partition(subject), sort_key)


def use(subject: str | None, operator_id: str, idempotency_key: str) -> Key:
    """Keys of two operators never stand for each other's actions."""
    digest = hashlib.sha256(f"{operator_id}\n{idempotency_key}".encode()).hexdigest()
    return Key(partition(subject), f"{USE_PREFIX}{digest}")
