"""The keys of the items that hold wrapped data keys; `service.storage.keys` builds them."""

from service.storage.keys import ItemKind

_OWNER = "encryption"

DATA_KEY = ItemKind(
    "data key",
    _OWNER,
    "USER#<user id>",
    "DATAKEY",
    "the wrapped keys that encrypt what is private to the user; none once it is erased",
    needs_wallet=False,
)
HOUSE_DATA_KEY = ItemKind(
    "data key of the house",
    _OWNER,
    "SYSTEM",
    "DATAKEY",
    "the wrapped keys that encrypt the house's own secrets",
)
ITEMS = (DATA_KEY, HOUSE_DATA_KEY)
