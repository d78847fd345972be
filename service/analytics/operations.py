"""Sums up what jobs did with credits, one user's and everybody's."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from service.analytics import store
from service.analytics.entities import (
    MAX_ENTRIES,
    Beginning,
    Days,
    RangeTooLarge,
    UserUsage,
    endings_of,
    table_of,
    unknown_jobs,
)
from service.analytics.figures import DayFigures, each_day
from service.core.clock import Clock
from service.core.days import Day, day_at
from service.jobs.operations import Jobs
from service.ledger.history import History
from service.storage.table import Table

log = structlog.get_logger()


class Analytics:
    """Reads the ledger. Writes nothing."""

    def __init__(self, history: History, jobs: Jobs, clock: Clock) -> None:
        self._history = history
        self._jobs = jobs
        self._clock = clock

    def usage_of(self, user_id: str, first: Day | None, last: Day | None) -> UserUsage:
        """What the user's jobs did on those days, exactly as the ledger says; nothing for an
        unknown user. Reads no more than the entries of those days, and the items of jobs that began
        before them.

        Raises `RangeTooLarge` before it reads the entries, and `StorageUnavailable`."""
        days = Days.within(first, last, day_at(self._clock.now()))
        start = self._history.version_at(user_id, days.from_at)
        end = self._history.version_at(user_id, days.before_at)
        if end - start > MAX_ENTRIES:
            raise RangeTooLarge(details={"entries": end - start, "maxEntries": MAX_ENTRIES})
        entries = tuple(self._history.entries(user_id, start, end))
        began = self._jobs.beginnings(user_id, unknown_jobs(entries))
        begun = {job_id: Beginning(*facts) for job_id, facts in began.items()}
        return UserUsage(days, table_of(endings_of(entries, begun)))


@dataclass(frozen=True)
class HouseReport:
    """What is known of those days. `missing` are over, and no audit has closed them, or no one had
    a wallet yet; `today` is not over."""

    days: Days
    closed: Mapping[Day, DayFigures]
    missing: tuple[Day, ...]
    today: Day


class HouseAnalytics:
    """Reads the days that audits have closed. Writes nothing."""

    def __init__(self, table: Table, clock: Clock, mac_key: bytes) -> None:
        self._table = table
        self._clock = clock
        self._mac_key = mac_key

    def report(self, first: Day | None, last: Day | None) -> HouseReport:
        """A day that somebody else wrote counts as missing. Raises `RangeTooLarge` before anything
        is read, and `StorageUnavailable`."""
        today = day_at(self._clock.now())
        days = Days.within(first, last, today)
        closed = {
            day: each.figures
            for day, each in store.read(self._table, days).items()
            if self._is_ours(each)
        }
        over = (day for day in each_day(days) if day < today)
        return HouseReport(days, closed, tuple(day for day in over if day not in closed), today)

    def _is_ours(self, closed: store.ClosedDay) -> bool:
        is_ours = closed.is_sealed(self._mac_key)
        if not is_ours:
            log.error("closed_day_damaged", day=closed.day.isoformat())
        return is_ours
