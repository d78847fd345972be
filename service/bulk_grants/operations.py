"""Making, listing and cancelling bulk grants, and how far each has come."""

from dataclasses import dataclass

from service.bulk_grants import keys, store
from service.bulk_grants.entities import (
    BulkGrant,
    BulkGrantEnded,
    Failure,
    NewBulkGrant,
    Progress,
    UnknownBulkGrant,
    made,
    progress,
    slices,
)
from service.core.clock import Clock
from service.core.ids import Ids, is_id
from service.ledger.operations import ConditionalWrite
from service.storage.table import Table


@dataclass(frozen=True)
class PreparedBulkGrant:
    """A bulk grant that is not written yet."""

    bulk: BulkGrant
    writes: tuple[ConditionalWrite, ...]


@dataclass(frozen=True)
class BulkPage:
    """Some bulk grants, and the id after which the next page begins (None: that was all)."""

    bulks: tuple[BulkGrant, ...]
    next_id: str | None


@dataclass(frozen=True)
class FailurePage:
    """Some failures, and the sort key after which the next page begins (None: that was all)."""

    failures: tuple[Failure, ...]
    next_key: str | None


class BulkGrants:
    """Bulk grants as operators know them. The worker makes them (`part_runs`)."""

    def __init__(self, table: Table, clock: Clock, ids: Ids, mac_key: bytes) -> None:
        self._table = table
        self._clock = clock
        self._ids = ids
        self._mac_key = mac_key

    def prepare(self, new: NewBulkGrant) -> PreparedBulkGrant:
        """A new bulk grant and the writes that start it, for a transaction that also records who
        did. Raises `BulkGrantInvalid` or `BudgetTooSmall`."""
        now = self._clock.now()
        bulk = store.sealed(made(new, self._ids.new("bulk", now), now), self._mac_key)
        lists = () if new.user_ids is None else slices(new.user_ids)
        writes = store.creation_writes(bulk, lists, self._mac_key)
        return PreparedBulkGrant(bulk, tuple(ConditionalWrite(write) for write in writes))

    def cancellation(self, bulk_id: str) -> ConditionalWrite:
        """The write after which the worker grants nothing more, but for what is under way at that
        moment: at most one grant of each thread. What was granted stays. Raises `UnknownBulkGrant`
        or `BulkGrantEnded`, which writing raises, too."""
        found = self.progress(bulk_id)
        if found.has_ended:
            raise BulkGrantEnded
        write = store.cancellation_write(found.bulk, self._clock.now(), self._mac_key)
        return ConditionalWrite(write, BulkGrantEnded())

    def progress(self, bulk_id: str) -> Progress:
        """Raises `UnknownBulkGrant`, and `StorageUnavailable`."""
        item = self._table.get(keys.bulk(bulk_id)) if is_id("bulk", bulk_id) else None
        if item is None:
            raise UnknownBulkGrant
        return progress(store.bulk_from(item), store.read_parts(self._table, bulk_id))

    def page(self, limit: int, before: str = "") -> BulkPage:
        """At most `limit` bulk grants, newest first, older than the id `before`."""
        found = self._table.query(
            keys.LIST, keys.BULK_PREFIX, limit=limit, after=before, ascending=False
        )
        bulks = tuple(map(store.bulk_from, found.items))
        return BulkPage(bulks, bulks[-1].bulk_id if found.more and bulks else None)

    def failures(self, bulk_id: str, limit: int, after: str = "") -> FailurePage:
        """At most `limit` users who were granted nothing, part by part, beyond the sort key
        `after`. None for what can be no bulk
        grant's id."""
        if not is_id("bulk", bulk_id):
            return FailurePage((), None)
        found = self._table.query(
            keys.partition(bulk_id), keys.FAILURE_PREFIX, limit=limit, after=after
        )
        failures = tuple(map(store.failure_from, found.items))
        return FailurePage(failures, str(found.items[-1]["SK"]) if found.more else None)
