"""Finds jobs for an operator who has no more than an id, and what the ledger says of one.

A job's id leads to its user; for the provider's task id the whole table is read. No request of a
user's does any of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from service.core.clock import Clock
from service.jobs import keys, store
from service.jobs.entities import Job
from service.jobs.job_ids import JobIds
from service.ledger.entities import Entry
from service.ledger.operations import Ledger
from service.storage.codec import RawItem, decode_item
from service.storage.keys import Key, user_of
from service.storage.table import Table
from service.users.directory import UserDirectory

SCAN_PAGE = 1_000
LATEST_JOBS = 10


class SearchStopped(Exception):
    """The process is stopping; the search has not read the whole table."""


@dataclass(frozen=True)
class JobStory:
    """A job, and its user's entries that name it, in order."""

    job: Job
    entries: tuple[Entry, ...]


class JobSearch:
    """Strongly consistent; writes nothing."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        directory: UserDirectory,
        job_ids: JobIds,
        clock: Clock,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._directory = directory
        self._job_ids = job_ids
        self._clock = clock

    def payer_of(self, job_id: str) -> str | None:
        """The user whose job it is, in two calls. None for a job that does not exist, and for one
        whose user signed up before ids led to users (`with_id` finds it)."""
        tag = self._job_ids.tag(job_id)
        users = self._directory.with_tag(tag) if tag else ()
        if not users:
            return None
        found = store.read_open(self._table, [keys.job(user, job_id) for user in users])
        return next((user_of(key.pk) for key in found), None)

    def story(self, user_id: str, job_id: str) -> JobStory | None:
        job = store.read(self._table, user_id, job_id)
        if job is None:
            return None
        named = (entry for entry in self._ledger.entries(user_id) if entry.ref == job_id)
        return JobStory(job, tuple(named))

    def latest(self, user_id: str, limit: int = LATEST_JOBS, before: str = "") -> list[Job]:
        """The user's newest jobs, newest first, in one call; none for an unknown user. With
        `before`, those that are older than the job with this id."""
        after = keys.job(user_id, before).sk if before else ""
        jobs, _ = store.read_page(self._table, user_id, limit, after)
        return jobs

    def with_id(
        self, wanted: str, reads_per_second: float | None, stopping: Callable[[], bool]
    ) -> Iterator[Job]:
        """Jobs whose own id or whose provider's task id this is. Reads the whole table, at most so
        many read units per second (None: unlimited). Raises `SearchStopped`."""
        sort_key = f"{keys.JOB_PREFIX}{wanted}"
        for item in self._items(reads_per_second, stopping):
            own = Key.of_raw_item(item).sk
            is_task = item.get("taskId", {}).get("S") == wanted
            if own == sort_key or (is_task and own.startswith(keys.JOB_PREFIX)):
                yield store.job_from(decode_item(item))

    def _items(
        self, reads_per_second: float | None, stopping: Callable[[], bool]
    ) -> Iterator[RawItem]:
        after: Key | None = None
        while True:
            if stopping():
                raise SearchStopped
            page = self._table.scan(segment=0, segments=1, limit=SCAN_PAGE, after=after)
            yield from page.items
            after = page.after
            if after is None:
                return
            if reads_per_second:
                self._clock.sleep(page.units / reads_per_second)
