"""Wrapping every data key anew, for when a KMS key is replaced."""

from collections.abc import Callable
from dataclasses import dataclass

from service.core.clock import Clock
from service.encryption.keys import ITEMS
from service.storage.data_keys import DataKeys
from service.storage.keys import HOUSE, Key, user_of
from service.storage.table import Table

PAGE = 200


@dataclass(frozen=True)
class Rewrapped:
    """How far a walk came. `stopped`: not to the end of the table."""

    items: int = 0
    keys: int = 0
    stopped: bool = False


class Rewrapping:
    """Walks the table and wraps what another KMS key has wrapped. Safe to run again, and next to
    live traffic: each item is written only as it was read."""

    def __init__(self, table: Table, data_keys: DataKeys, clock: Clock) -> None:
        self._table = table
        self._data_keys = data_keys
        self._clock = clock

    def run(
        self,
        reads_per_second: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
        on_progress: Callable[[Rewrapped], None] = lambda _: None,
    ) -> Rewrapped:
        """Raises `StorageUnavailable`, `DataKeyUnavailable`, `DataUnreadable`."""
        done, after = Rewrapped(), None
        while not stopping():
            page = self._table.scan(segment=0, segments=1, limit=PAGE, after=after)
            for raw in page.items:
                done = self._rewrapped(done, Key.of_raw_item(raw))
            on_progress(done)
            after = page.after
            if after is None:
                return done
            if reads_per_second:
                self._clock.sleep(page.units / reads_per_second)
        return Rewrapped(done.items, done.keys, stopped=True)

    def _rewrapped(self, done: Rewrapped, key: Key) -> Rewrapped:
        if not any(kind.covers(key) for kind in ITEMS):
            return done
        owner = HOUSE if key.pk == "SYSTEM" else user_of(key.pk)
        return Rewrapped(done.items + 1, done.keys + self._data_keys.rewrap(owner))
