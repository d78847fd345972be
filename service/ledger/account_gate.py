"""Refuses callers whose account was closed or disabled, or whose session was ended, in one small
read: a token may outlive all of that."""

from service.core.clock import from_iso
from service.core.principal import Principal
from service.ledger import keys
from service.ledger.entities import WalletStatus, check_account, check_enabled, check_session
from service.storage.codec import whole_number
from service.storage.table import Table


class WalletGate:
    """An `AccountGate`: the wallet knows what became of the account and its sessions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def check(self, principal: Principal) -> None:
        """Raises `AccountClosed`, `AccountDisabled`, `AccessTokenRevoked` or
        `StorageUnavailable`."""
        item = self._table.get(keys.wallet(principal.subject))
        if item is not None:
            status = WalletStatus(str(item["status"]))
            check_account(status, from_iso(str(item["updatedAt"])), principal)
            check_enabled(disabled=bool(item.get("disabled", False)))
            check_session(whole_number(item.get("sessionsValidFrom", 0)), principal)
