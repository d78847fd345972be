"""Refuses callers whose account was closed, in one small read: a token may outlive its user."""

from service.core.clock import from_iso
from service.core.principal import Principal
from service.ledger import keys
from service.ledger.entities import WalletStatus, check_account
from service.storage.table import Table


class WalletGate:
    """An `AccountGate`: the status of the wallet is that of the account."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def check(self, principal: Principal) -> None:
        """Raises `AccountClosed` or `StorageUnavailable`."""
        item = self._table.get(keys.wallet(principal.subject))
        if item is not None:
            status = WalletStatus(str(item["status"]))
            check_account(status, from_iso(str(item["updatedAt"])), principal)
