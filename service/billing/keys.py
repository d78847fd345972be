"""The keys of billing: purchases."""

from service.storage.keys import DUE_TIME_END, DueKind, ItemKind, Key, due_time

PURCHASE_PREFIX = "PURCHASE#"
PURCHASES_PREFIX = "PURCHASES#"
_OWNER = "billing"

PURCHASE = ItemKind(
    "purchase",
    _OWNER,
    "PURCHASE#<payment id>",
    "PURCHASE",
    "what a payment has brought to a user, and what was taken back of it",
    "GSI1 `PURCHASES#<user id>` / `<newest first>#<payment id>`; GSI2 "
    "`DUE#PURCHASE#<shard>` / `<due, 13 digits of ms>` while a fraud warning stands",
)
DUE_PURCHASES = DueKind("PURCHASE", _OWNER, shards=1)
ITEMS = (PURCHASE,)
DUE = (DUE_PURCHASES,)


def purchase(payment_id: str) -> Key:
    return Key(f"{PURCHASE_PREFIX}{payment_id}", PURCHASE.sk)


def purchase_in(pk: str) -> Key:
    """The purchase whose partition it is."""
    return Key(pk, PURCHASE.sk)


def payment_of(key: Key) -> str:
    return key.pk.removeprefix(PURCHASE_PREFIX)


def purchases_of(user_id: str) -> str:
    """The partition of GSI1 that lists a user's purchases."""
    return f"{PURCHASES_PREFIX}{user_id}"


def listing(user_id: str, at: int, payment_id: str) -> dict[str, str]:
    """The attributes that list a purchase among its user's, the newest first."""
    return {
        "GSI1PK": purchases_of(user_id),
        "GSI1SK": f"{due_time(DUE_TIME_END - 1 - at)}#{payment_id}",
    }
