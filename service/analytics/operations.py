"""Sums up what jobs did with credits."""

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
from service.core.clock import Clock
from service.core.days import Day, day_at
from service.jobs.operations import Jobs
from service.ledger.history import History


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
