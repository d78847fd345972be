"""From when on access tokens of a user's sessions are accepted. It stands on the wallet, so that
every request knows it without another read.

In a file of its own because it moves no credits: it touches neither version nor balances."""

from service.core.clock import Clock
from service.ledger import store
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
