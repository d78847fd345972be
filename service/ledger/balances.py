"""A user's balance together with other items of theirs, to be shown.

In a file of its own because no credit moves by it: what is read need not be of one moment."""

from collections.abc import Mapping, Sequence

from service.core.clock import Clock
from service.ledger import keys, store
from service.ledger.entities import Balance
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import Table


class Balances:
    """Reads. Moves nothing."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def read(
        self, user_id: str, related: Sequence[Key]
    ) -> tuple[Balance, Mapping[Key, Item | None]]:
        """The balance and the other items, each as it was at a moment of its own, in one call.
        Raises `StorageUnavailable`."""
        wallet_key = keys.wallet(user_id)
        found = self._table.get_each((wallet_key, *related))
        item = found[wallet_key]
        wallet = store.wallet_from(item) if item else None
        return Balance(wallet, self._clock.now()), found
