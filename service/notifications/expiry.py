"""Notices of credits that will expire: they become due a week before, and are events if there is
still something to expire.

In a file of its own because it is the one due work here that is no delivery."""

from collections.abc import Sequence

from service.core.amounts import credits_number
from service.core.clock import Clock, iso
from service.ledger.entities import Wallet
from service.ledger.lots import Lot
from service.ledger.operations import Ledger
from service.notifications import keys, store
from service.notifications.entities import DAY, LOG_MILLISECONDS, Event, EventType, day_of, event
from service.notifications.operations import Outbox
from service.storage.keys import user_of
from service.storage.table import ConditionFailed, IndexHit, Table


class ExpiryNotices:
    """Makes events of the notices that are due."""

    def __init__(self, table: Table, ledger: Ledger, outbox: Outbox, clock: Clock) -> None:
        self._table = table
        self._ledger = ledger
        self._outbox = outbox
        self._clock = clock

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        """Notices that are due in that partition, oldest first."""
        return store.read_due(self._table, partition, self._clock.now(), limit)

    def dispatch(self, hit: IndexHit) -> bool:
        """Reports what expires on the day of that notice; nothing if it has been spent meanwhile.
        Returns whether there was something to report. Raises `StorageUnavailable`.

        The event comes first, and is the same one however often it is put: a process that dies
        before the notice is done reports nothing twice."""
        item = self._table.get(hit.key)
        due_at = item.get("dueAt") if item and "GSI2PK" in item else None
        if not isinstance(due_at, int) or due_at > self._clock.now():
            return False
        day = int(hit.key.sk.removeprefix(keys.NOTICE_PREFIX))
        wallet = self._ledger.balance(user_of(hit.key.pk)).wallet
        happened = expiring(wallet, day, due_at) if wallet else None
        reported = happened is not None and self._outbox.put_once(happened)
        self._done(hit, due_at, day)
        return reported

    def _done(self, hit: IndexHit, due_at: int, day: int) -> None:
        try:
            kept_until = max(day + DAY, self._clock.now()) + LOG_MILLISECONDS
            self._table.write(store.notice_done_write(hit.key, due_at, kept_until))
        except ConditionFailed:
            # Another lot of that day has come: the notice is due anew.
            return


def expiring(wallet: Wallet, day: int, due_at: int) -> Event | None:
    """The event that a wallet's credits expire on that day, None if there are none. Pure."""
    lots = [lot for lot in wallet.lots if lot.expires_at and day_of(lot.expires_at) == day]
    if not lots or wallet.is_leaving:
        return None
    data = {
        "credits": credits_number(sum(lot.remaining for lot in lots)),
        "expiresAt": iso(min(_end(lot) for lot in lots)),
    }
    return event(EventType.CREDITS_EXPIRING, wallet.user_id, f"{day} {due_at}", due_at, data)


def _end(lot: Lot) -> int:
    assert lot.expires_at is not None
    return lot.expires_at
