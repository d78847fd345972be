"""Threads that own calls: each makes one call and settles it, whatever becomes of the request that
made its hold.

In a file of its own because every kind of work that is read by a thread shares it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

import structlog

from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.jobs.entities import Failure, Job
from service.jobs.operations import Jobs
from service.text.runs import Run, Runs

log = structlog.get_logger()

Start = Callable[[Callable[[], None]], None]
"""Runs something in a thread of its own. Raises `RuntimeError` where no thread is left."""


@dataclass(frozen=True)
class PlaceRefusals:
    """The errors of a full process, and of a user with too many calls."""

    saturated: type[Unavailable]
    too_many: type[RateLimited]


@dataclass
class Place:
    """A place for one call, which it keeps until it is over. Raises one of `refusals` when it is
    entered."""

    shares: Shares
    user_id: str
    limit_of_user: int
    refusals: PlaceRefusals
    is_kept: bool = field(default=False, init=False)

    def __enter__(self) -> "Place":
        try:
            self.shares.take(self.user_id)
        except ShareUsedUp:
            raise self.refusals.too_many(details={"limit": self.limit_of_user}) from None
        except NothingLeft:
            raise self.refusals.saturated from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.is_kept:
            self.put_back()

    def put_back(self) -> None:
        self.shares.put_back(self.user_id)


class Owners:
    """The threads of one kind of work in this process: at most `places`, and at most
    `places_of_user` of one user."""

    def __init__(
        self,
        jobs: Jobs,
        runs: Runs,
        start: Start,
        places: int,
        places_of_user: int,
        refusals: PlaceRefusals,
    ) -> None:
        self._jobs = jobs
        self._runs = runs
        self._start = start
        self._places_of_user = places_of_user
        self._refusals = refusals
        self._shares = Shares(places, places_of_user)

    def place(self, user_id: str) -> Place:
        return Place(self._shares, user_id, self._places_of_user, self._refusals)

    def own(self, run: Run, place: Place, call: Callable[[], Job]) -> None:
        """Has a thread make the call, which returns its job as settled. The place is kept and the
        run listed until then. Where no thread is left, nothing is sent and the job is declined."""
        structlog.contextvars.bind_contextvars(job_id=run.job.job_id)
        place.is_kept = True
        self._runs.add(run)
        try:
            self._start(partial(self._make, run, place, call))
        except RuntimeError:
            log.exception("call_not_started", job_id=run.job.job_id)
            self._over(run, place, self._declined(run.job))

    def _make(self, run: Run, place: Place, call: Callable[[], Job]) -> None:
        with structlog.contextvars.bound_contextvars(job_id=run.job.job_id):
            job = run.job
            try:
                job = call()
            except Exception:
                log.exception("call_not_made", job_id=job.job_id)
            finally:
                self._over(run, place, job)

    def _over(self, run: Run, place: Place, job: Job) -> None:
        self._runs.remove(job.job_id)
        place.put_back()
        run.finish(job)

    def _declined(self, job: Job) -> Job:
        try:
            return self._jobs.decline(job, Failure.PROVIDER_UNAVAILABLE)
        except FareboxError as error:
            log.warning("outcome_not_stored", job_id=job.job_id, reason=error.code)
            return job
