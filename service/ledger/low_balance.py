"""The balance below which a user wants to be notified. It stands on the wallet, so that a movement
knows it without another read.

In a file of its own because it moves no credits: it touches neither version nor balances."""

from service.core.amounts import Amount
from service.ledger import keys, store
from service.ledger.entities import UserNotFound, WalletStatus
from service.storage.table import ConditionFailed, Table


class LowBalance:
    """Reads and sets the threshold of a user's wallet."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, user_id: str) -> Amount:
        """0 means never. Raises `UserNotFound`, also for a closed wallet."""
        item = self._table.get(keys.wallet(user_id))
        wallet = store.wallet_from(item) if item else None
        if wallet is None or wallet.status is WalletStatus.CLOSED:
            raise UserNotFound
        return wallet.low_balance

    def set(self, user_id: str, threshold: Amount) -> None:
        """0 means never. Setting it twice changes nothing more. Raises `UserNotFound`, also for a
        closed wallet, and `StorageUnavailable`."""
        for status in (WalletStatus.OPEN, WalletStatus.FROZEN):
            try:
                self._table.write(store.low_balance_write(user_id, threshold, status))
            except ConditionFailed:
                continue
            return
        raise UserNotFound
