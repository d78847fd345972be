"""The key of what an operator has accepted."""

from service.storage.keys import ItemKind, Key

_OWNER = "audit"

ACCEPTED = ItemKind(
    "accepted change",
    _OWNER,
    "ACCEPTED#<user id>",
    "WALLET",
    "a wallet as an operator has accepted it, although an audit had found more of it",
)
ITEMS = (ACCEPTED,)


def accepted(user_id: str) -> Key:
    return Key(f"ACCEPTED#{user_id}", "WALLET")
