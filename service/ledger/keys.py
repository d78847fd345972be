"""The keys of wallets and their entries."""

from service.storage.keys import ItemKind, Key, user_partition

ENTRY_PREFIX = "ENTRY#"
_OWNER = "ledger"

SCALE = Key("SYSTEM", "SCALE")
SCALE_ITEM = ItemKind(
    "scale", _OWNER, SCALE.pk, SCALE.sk, "the parts of a credit in which amounts are counted"
)

ITEMS = (
    ItemKind("wallet", _OWNER, "USER#<user id>", "METADATA", "a user's balances and lots"),
    ItemKind(
        "entry",
        _OWNER,
        "USER#<user id>",
        "ENTRY#<version, 12 digits>",
        "one movement of the wallet; never changed",
    ),
    SCALE_ITEM,
)


def wallet(user_id: str) -> Key:
    return Key(user_partition(user_id), "METADATA")


def entry(user_id: str, version: int) -> Key:
    return Key(user_partition(user_id), f"{ENTRY_PREFIX}{version:012d}")
