"""Requests that wait for the end of a job. Those of one process read their jobs together: a
thousand of them would otherwise keep it busy with nothing but reading.

There is no reader thread. The first request to wake up reads for itself and for those that are due
soon after."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.core.clock import Clock
from service.jobs import keys, store
from service.storage.keys import Key
from service.storage.table import StorageUnavailable, Table

FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 2.0
WAIT_GROWTH = 1.3
# A reading this young is new enough.
FRESH_SECONDS = 0.25
# More would save little, and decoding them keeps everybody else waiting.
MAX_TOGETHER = 25


def _never() -> bool:
    return False


@dataclass(eq=False)
class _Waiter:
    key: Key
    due_at: float
    read_at: float
    is_open: bool = True


class OpenJobs:
    """Which jobs are waited for, and what was last read of them."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._waiters: dict[_Waiter, None] = {}

    def wait(
        self, user_id: str, job_id: str, seconds: float, is_draining: Callable[[], bool] = _never
    ) -> None:
        """Returns once the job is no longer open, after that many seconds, or when the process
        drains. May miss the end while the table does not respond: the caller reads the job
        afterwards."""
        until = self._clock.monotonic() + seconds
        step_seconds = FIRST_WAIT_SECONDS
        with self._waiting(keys.job(user_id, job_id)) as waiter:
            while waiter.is_open and (left := until - self._clock.monotonic()) > 0:
                if is_draining():
                    return
                pause_seconds = min(step_seconds, left)
                waiter.due_at = self._clock.monotonic() + pause_seconds
                self._clock.sleep(pause_seconds)
                step_seconds = min(WAIT_GROWTH * step_seconds, MAX_WAIT_SECONDS)
                self._refresh(waiter)

    @contextmanager
    def _waiting(self, key: Key) -> Iterator[_Waiter]:
        now = self._clock.monotonic()
        waiter = _Waiter(key, due_at=now, read_at=now)
        self._waiters[waiter] = None
        try:
            yield waiter
        finally:
            del self._waiters[waiter]

    def _refresh(self, waiter: _Waiter) -> None:
        now = self._clock.monotonic()
        if waiter.read_at > now - FRESH_SECONDS:
            return
        together = self._due(waiter, now)
        # Before the call: others that wake up meanwhile need not read the same.
        for each in together:
            each.read_at = now
        try:
            open_keys = store.read_open(self._table, [each.key for each in together])
        except StorageUnavailable:
            return
        for each in together:
            # Never back to open: an older reading may come in after a newer one.
            each.is_open = each.is_open and open_keys.get(each.key, True)

    def _due(self, first: _Waiter, now: float) -> list[_Waiter]:
        """That one, and others that would soon read for themselves."""
        others = (
            each
            for each in tuple(self._waiters)
            if each.due_at <= now + FRESH_SECONDS
            and each.read_at <= now - FRESH_SECONDS
            and each is not first
        )
        return [first, *(each for each, _ in zip(others, range(MAX_TOGETHER - 1), strict=False))]
