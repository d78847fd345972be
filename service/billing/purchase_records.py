"""What reports read of purchases, orders and customers: never on behalf of a user.

In a file of its own because nothing here settles anything."""

from collections.abc import Iterable, Sequence
from typing import Any

from service.billing import keys
from service.billing import purchase_store as store
from service.billing.purchases import Purchase, PurchaseDamaged
from service.core.amounts import Amount, amount_of
from service.ledger.grants import GrantSource
from service.storage.codec import RawItem, decode_item
from service.storage.keys import Key
from service.storage.table import Table

_BONUS = "bonusCredits"
_BATCH = 100
_TRIES = 5


class PurchaseRecords:
    """Every method that reads raises `StorageUnavailable`."""

    def __init__(self, table: Table, mac_key: bytes) -> None:
        self._table = table
        self._mac_key = mac_key

    def purchase_in(self, raw: RawItem) -> Purchase | None:
        """The purchase that an item of the table is; None for any other item. Raises
        `PurchaseDamaged`."""
        if not raw["PK"].get("S", "").startswith(keys.PURCHASE_PREFIX):
            return None
        try:
            purchase = store.purchase_from(decode_item(raw))
        except (KeyError, TypeError, ValueError) as error:
            raise PurchaseDamaged from error
        if not store.is_sealed(purchase, self._mac_key):
            raise PurchaseDamaged
        return purchase

    def is_customer(self, customer_id: str) -> bool:
        """Whether it is the customer of one of our users."""
        return bool(customer_id) and self._table.get(keys.customer(customer_id)) is not None

    def bonus_of(self, purchases: Iterable[Purchase]) -> Amount:
        """How much of what these purchases granted was a package's bonus, as their orders say."""
        orders = [
            keys.order(each.user_id, each.reference)
            for each in purchases
            if each.source is GrantSource.PURCHASE
        ]
        starts = range(0, len(orders), _BATCH)
        return sum(self._bonus(orders[start : start + _BATCH]) for start in starts)

    def _bonus(self, orders: Sequence[Key]) -> Amount:
        found: dict[Key, Any] = {}
        for _ in range(_TRIES):
            left = [key for key in orders if key not in found]
            if not left:
                break
            found |= self._table.get_many(left, (_BONUS,))
        amounts: list[Amount] = [amount_of(item[_BONUS]) for item in found.values()]
        return sum(amounts)
