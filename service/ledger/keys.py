"""The keys of wallets and their entries."""

from service.storage.keys import DueKind, ItemKind, Key, user_partition

ENTRY_PREFIX = "ENTRY#"
GRANT_PREFIX = "GRANT#"
_OWNER = "ledger"

DUE_GRANTS = DueKind("GRANT", _OWNER, shards=1)

SCALE = Key("SYSTEM", "SCALE")
SCALE_ITEM = ItemKind(
    "scale", _OWNER, SCALE.pk, SCALE.sk, "the parts of a credit in which amounts are counted"
)

GRANT_ITEM = ItemKind(
    "grant",
    _OWNER,
    "GRANT#<source>#<id>",
    "GRANT",
    "a grant of credits under its business key, made once",
    "GSI2 `DUE#GRANT#<shard>` / `<due, 13 digits of ms>`, until it is made",
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
    GRANT_ITEM,
    SCALE_ITEM,
)
DUE = (DUE_GRANTS,)


def wallet(user_id: str) -> Key:
    return Key(user_partition(user_id), "METADATA")


def entry(user_id: str, version: int) -> Key:
    return Key(user_partition(user_id), f"{ENTRY_PREFIX}{version:012d}")


def grant(source: str, grant_id: str) -> Key:
    return Key(f"{GRANT_PREFIX}{source}#{grant_id}", "GRANT")


def grant_names(key: Key) -> tuple[str, str]:
    """The source and id in the key of such an item."""
    source, _, grant_id = key.pk.removeprefix(GRANT_PREFIX).partition("#")
    return source, grant_id


def grant_in(pk: str) -> Key:
    """The grant whose partition it is."""
    return Key(pk, GRANT_ITEM.sk)
