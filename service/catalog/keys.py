"""The keys of prices."""

from service.storage.keys import ItemKind, Key, due_time

RECORD_PREFIX = "AT#"
_OWNER = "catalog"
_PRICE_PREFIX = "PRICE#"

LIST = Key("SYSTEM", "PRICES")
LIST_ITEM = ItemKind(
    "price list", _OWNER, LIST.pk, LIST.sk, "every scheduled price that is, or will be, in effect"
)
RECORD_ITEM = ItemKind(
    "price",
    _OWNER,
    "PRICE#<provider:operation>",
    "AT#<effective at, 13 digits>",
    "a price in the history of its operation; only a cancellation changes it",
)
ITEMS = (LIST_ITEM, RECORD_ITEM)


def record(operation: str, effective_at: int) -> Key:
    return Key(record_partition(operation), f"{RECORD_PREFIX}{due_time(effective_at)}")


def record_partition(operation: str) -> str:
    return f"{_PRICE_PREFIX}{operation}"


def operation_of(pk: str) -> str:
    """The operation of a price's partition."""
    return pk.removeprefix(_PRICE_PREFIX)
