"""What is due of one kind of item, in bounded batches.

In a file of its own because purchases and top-ups have sweeps of their own."""

from collections.abc import Callable

from service.core.clock import Clock
from service.storage.keys import GSI2, DueKind, due_time
from service.storage.table import IndexHit, Table

BATCH = 25


class DueItems:
    """Reads the due index, the oldest first, shard by shard. Safe to run twice and side by side as
    far as what it runs is."""

    def __init__(
        self, table: Table, kind: DueKind, clock: Clock, stopping: Callable[[], bool]
    ) -> None:
        self._table = table
        self._kind = kind
        self._clock = clock
        self._stopping = stopping

    def run(self, act: Callable[[IndexHit], bool]) -> bool:
        """One batch of each shard. `act` returns whether it has dealt with its item. Returns
        whether there may be more: not where one item stays due, which would be run again at once.
        Raises `StorageUnavailable`."""
        more = False
        for partition in self._kind.partitions:
            up_to = due_time(self._clock.now())
            hits = self._table.query_index(GSI2, partition, limit=BATCH, up_to=up_to)
            done = [act(hit) for hit in hits if not self._stopping()]
            more |= len(hits) == BATCH and all(done)
        return more
