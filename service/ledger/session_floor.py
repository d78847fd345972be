"""From when on access tokens of a user's sessions are accepted, and whether one may be opened. It
stands on the wallet, so that every request knows it without another read.

In a file of its own because it moves no credits: it touches neither version nor balances."""

from service.core.clock import Clock, from_iso
from service.ledger import keys, store
from service.ledger.entities import AccountClosing, WalletStatus, check_enabled
from service.storage.table import ConditionFailed, Conflicted, Table

MAX_TRIES = 5
PAUSE_SECONDS = 0.05


class SessionFloor:
    """Raises that moment."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def raise_to(self, user_id: str, at: int) -> None:
        """Access tokens that were issued before `at` (epoch milliseconds) are refused from now on.
        Without effect for someone without an account, whose tokens last to their end (at most 15
        minutes). Raises `StorageUnavailable`."""
        for _ in range(MAX_TRIES):
            try:
                self._table.write(store.sessions_write(user_id, at))
            except Conflicted:
                # A transaction moves the wallet at this moment.
                self._clock.sleep(PAUSE_SECONDS)
                continue
            except ConditionFailed:
                return
            return
        raise Conflicted

    def check_opened(self, user_id: str, at: int) -> None:
        """To be called once a session is stored that was opened at that time: whoever ends all
        sessions of a user, to disable or to erase them, has changed the wallet before. Raises
        `AccountDisabled`, `AccountClosing`, also for what has been closed since, and
        `StorageUnavailable`."""
        item = self._table.get(keys.wallet(user_id))
        if item is None:
            return
        status = WalletStatus(str(item["status"]))
        is_closed = status is WalletStatus.CLOSED and from_iso(str(item["updatedAt"])) >= at
        if status is WalletStatus.CLOSING or is_closed:
            raise AccountClosing
        check_enabled(disabled=bool(item.get("disabled", False)))
