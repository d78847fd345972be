"""Closes days: carries their figures through an audit's walk, compares them with what is stored,
and stores them.

In a file of its own because requests only read what this writes."""

import structlog

from service.analytics import keys, store
from service.analytics.account_figures import AccountRecords, figures_of
from service.analytics.entities import MAX_DAYS, Days
from service.analytics.figures import DayFigures, HouseFigures, bounded, each_day
from service.analytics.store import ClosedDay
from service.core.clock import Clock
from service.core.days import Day, day_at, day_before
from service.storage.checks import Violation
from service.storage.table import ConditionFailed, StorageRefused, Table

log = structlog.get_logger()

# A write that was decided before midnight has arrived by then, even from a slow clock.
GRACE_MILLISECONDS = 15 * 60 * 1000
# A job that failed may be delivered for a day after it ended, and the sums of its day change.
COMPARED_DAYS = 3


class ClosedDays:
    """Safe to run twice and side by side: a day has the same figures in every walk."""

    def __init__(self, table: Table, clock: Clock, mac_key: bytes) -> None:
        self._table = table
        self._clock = clock
        self._mac_key = mac_key

    def begin(self) -> HouseFigures:
        """Which days a walk that begins now closes: those since the last one that is closed, at
        most `MAX_DAYS`, and the few before, whose figures it compares. Raises
        `StorageUnavailable`."""
        last = day_before(day_at(self._clock.now() - GRACE_MILLISECONDS), 1)
        latest = store.read_latest(self._table)
        first = day_before(last, MAX_DAYS - 1)
        if latest is not None:
            first = max(first, min(day_before(latest, -1), day_before(last, COMPARED_DAYS - 1)))
        return HouseFigures(Days(first, last))

    def with_account(self, figures: HouseFigures, account: AccountRecords) -> HouseFigures:
        """The figures with those of one more account."""
        return figures.plus(figures_of(account, figures.days))

    def close(self, figures: HouseFigures) -> list[Violation]:
        """Stores the days of a finished walk. Returns those that were closed with other figures,
        although nothing in a ledger changes afterwards; they are stored as they were found now.

        Where this process may only read, nothing is stored, and the log says so. Raises
        `StorageUnavailable`."""
        try:
            stored = store.read(self._table, figures.days)
            found = [self._closed(day, figures, stored.get(day)) for day in each_day(figures.days)]
        except StorageRefused:
            log.exception("days_not_closed")
            return []
        return [violation for violation in found if violation is not None]

    def _closed(
        self, day: Day, figures: HouseFigures, before: ClosedDay | None
    ) -> Violation | None:
        now = bounded(figures.by_day.get(day, DayFigures()))
        if before is None and not now.wallets:
            return None
        if before is None or before.figures != now:
            after = store.sealed(day, now, self._clock.now(), self._mac_key)
            try:
                self._table.write(store.closed_day_write(before, after))
            except ConditionFailed:
                # Another walk has closed it at the same time.
                return None
            log.info("day_closed", day=day.isoformat(), wallets=now.wallets)
        if before is not None and before.figures.of_ledger != now.of_ledger:
            return Violation(str(keys.closed_day(day)), "is not what the entries of its day say")
        return None
