"""Whether a user wants alerts by mail.

In a file of its own because it stands on an item of its own: the wallet is read by every job, and
this by no request but the user's own."""

from service.ledger.entities import UserNotFound, WalletStatus
from service.ledger.operations import Ledger
from service.notifications import keys
from service.storage.table import Table
from service.storage.writes import REPLACE, Put


class MailPreferences:
    """Alerts go by mail until a user switches that off. Mails about the account itself (a password,
    an erasure) are always sent."""

    def __init__(self, table: Table, ledger: Ledger) -> None:
        self._table = table
        self._ledger = ledger

    def wants_mail(self, user_id: str) -> bool:
        """Raises `StorageUnavailable`."""
        item = self._table.get(keys.preferences(user_id))
        return item is None or item.get("mail") is not False

    def of_user(self, user_id: str) -> bool:
        """As `wants_mail`. Raises `UserNotFound`, also for a closed wallet."""
        self._require_user(user_id)
        return self.wants_mail(user_id)

    def set(self, user_id: str, *, mail: bool) -> None:
        """Setting it twice changes nothing more. Raises as `of_user`."""
        self._require_user(user_id)
        self._table.write(Put(keys.preferences(user_id), {"mail": mail}, REPLACE))

    def _require_user(self, user_id: str) -> None:
        wallet = self._ledger.balance(user_id).wallet
        if wallet is None or wallet.status is WalletStatus.CLOSED:
            raise UserNotFound
