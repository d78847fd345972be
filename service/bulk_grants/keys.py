"""The keys of bulk grants, their parts and lists, and of the users who were granted nothing."""

from service.storage.keys import DueKind, ItemKind, Key

LIST = "BULK_GRANTS"
BULK_PREFIX = "bulk_"
PARTITION_PREFIX = "BULK#"
PART_PREFIX = "PART#"
USERS_PREFIX = "USERS#"
FAILURE_PREFIX = "FAILURE#"
_OWNER = "bulk_grants"

DUE_PARTS = DueKind("BULK", _OWNER, shards=4)

BULK = ItemKind(
    "bulk grant", _OWNER, "BULK_GRANTS", "bulk_<id>", "the terms and budget of a bulk grant"
)
PART = ItemKind(
    "bulk grant part",
    _OWNER,
    "BULK#<bulk id>",
    "PART#<number, 4 digits>",
    "how far one part of a bulk grant has come",
    "GSI2 `DUE#BULK#<shard>` / `<due, 13 digits of ms>`",
)
USERS = ItemKind(
    "bulk grant list",
    _OWNER,
    "BULK#<bulk id>",
    "USERS#<number, 4 digits>",
    "the users of one part",
)
FAILURE = ItemKind(
    "bulk grant failure",
    _OWNER,
    "BULK#<bulk id>",
    "FAILURE#<number>#<user id>",
    "a user who was granted nothing, and why",
)
ITEMS = (BULK, PART, USERS, FAILURE)
DUE = (DUE_PARTS,)


def bulk(bulk_id: str) -> Key:
    return Key(LIST, bulk_id)


def bulk_of(pk: str) -> Key:
    """The bulk grant in whose partition an item lies."""
    return bulk(pk.removeprefix(PARTITION_PREFIX))


def place(pk: str, sk: str) -> Key:
    """Where a walk over the table continues."""
    return Key(pk, sk)


def partition(bulk_id: str) -> str:
    return f"{PARTITION_PREFIX}{bulk_id}"


def part(bulk_id: str, number: int) -> Key:
    return Key(partition(bulk_id), f"{PART_PREFIX}{number:04}")


def users(bulk_id: str, number: int) -> Key:
    return Key(partition(bulk_id), f"{USERS_PREFIX}{number:04}")


def failure(bulk_id: str, number: int, user_id: str) -> Key:
    return Key(partition(bulk_id), f"{FAILURE_PREFIX}{number:04}#{user_id}")
