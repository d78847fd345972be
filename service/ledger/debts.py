"""The debt of a wallet, from its item alone. Pure.

In a file of its own because a walk over the table sums up debts without the rest of a wallet."""

from typing import Any

from service.core.amounts import Amount, amount_of
from service.ledger import keys
from service.storage.codec import Item


def debt_in(item: Item) -> Amount:
    """What its user owes; 0 for an item that is no wallet. Raises `KeyError`, `TypeError` or
    `ValueError` for a wallet that no version of this code wrote."""
    if item["SK"] != keys.wallet("").sk:
        return 0
    fields: Any = item
    return amount_of(fields["debt"])
