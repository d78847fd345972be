"""The key of a user's erasure."""

from service.storage.keys import DueKind, ItemKind, Key, user_partition

ERASURE = "ERASURE"
_OWNER = "erasure"

DUE_ERASURES = DueKind("ERASURE", _OWNER, shards=1)

ERASURE_ITEM = ItemKind(
    "erasure",
    _OWNER,
    "USER#<user id>",
    ERASURE,
    "how far the erasure of the user has come, and when it ended",
    "GSI2 `DUE#ERASURE#0` / `<due, 13 digits of ms>`, until it has ended",
)
ITEMS = (ERASURE_ITEM,)
DUE = (DUE_ERASURES,)


def erasure(user_id: str) -> Key:
    return Key(user_partition(user_id), ERASURE)
