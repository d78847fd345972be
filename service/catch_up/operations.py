"""The verbs on catch-ups: have one written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

import structlog

from service.catch_up.calling import Maker
from service.catch_up.entities import (
    CATCH_UP,
    CatchUpsSaturated,
    NewCatchUp,
    TooManyCatchUps,
)
from service.catch_up.runs import CatchUpRun
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.jobs.entities import Failure, Job, JobRequest
from service.jobs.operations import Begun, Jobs, Submission
from service.jobs.work import Operations
from service.text.runs import Runs

log = structlog.get_logger()

ROUTE = "POST /transcriptions/catch-up"
# How long a request waits for what it has begun: less than the balancer lets a connection be
# silent, 60 seconds.
SILENT_SECONDS = 45.0
# When to fetch a catch-up that took longer.
RETRY_SECONDS = 5

Start = Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class CatchUpLimits:
    """How many catch-ups this process writes at once, and how many for one user; one may take
    `limit_seconds`, and keep its request waiting for `silent_seconds`."""

    places: int
    places_of_user: int
    limit_seconds: float
    silent_seconds: float = SILENT_SECONDS


@dataclass
class CatchUpPlace:
    """A place for one catch-up, which it keeps until it is over. Raises `CatchUpsSaturated` or
    `TooManyCatchUps` when it is entered."""

    shares: Shares
    user_id: str
    limit_of_user: int
    is_kept: bool = field(default=False, init=False)

    def __enter__(self) -> "CatchUpPlace":
        try:
            self.shares.take(self.user_id)
        except ShareUsedUp:
            raise TooManyCatchUps(details={"limit": self.limit_of_user}) from None
        except NothingLeft:
            raise CatchUpsSaturated from None
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


class CatchUps:
    """Has catch-ups written."""

    def __init__(
        self,
        jobs: Jobs,
        operations: Operations,
        maker: Maker,
        runs: Runs,
        clock: Clock,
        limits: CatchUpLimits,
        start: Start,
    ) -> None:
        """`runs` are those of this process that are cancelled, and ended when it drains; `start`
        runs one in a thread of its own."""
        self._jobs = jobs
        self._operations = operations
        self._maker = maker
        self._runs = runs
        self._clock = clock
        self._limits = limits
        self._start = start
        self._shares = Shares(limits.places, limits.places_of_user)

    def begin(self, new: NewCatchUp) -> CatchUpRun | Submission:
        """Holds the most that all steps can cost and begins to take them. A repeated key returns
        the earlier job as it stands.

        Raises, before anything is written: what `Words.parts` raises, `CatchUpsSaturated`,
        `TooManyCatchUps`, and what `Jobs.begin` raises."""
        until = self._clock.monotonic() + self._limits.limit_seconds
        user_id = new.principal.subject
        place = CatchUpPlace(self._shares, user_id, self._limits.places_of_user)
        request = JobRequest(
            actor=new.principal,
            operation=CATCH_UP,
            route=ROUTE,
            fingerprint=new.fingerprint,
            body=new.body,
            body_facts=new.body.facts,
            idempotency_key=new.idempotency_key,
            request_id=new.request_id,
        )
        return self._jobs.begin(request, lambda: place, partial(self._began, place, until))

    def finished(self, run: CatchUpRun) -> Job:
        """Waits for it to end, as long as a connection may be silent. Returns its job as stored,
        open if it has not. Raises the refusal that it is, if it is one."""
        run.wait(self._limits.silent_seconds)
        return self.checked(run.job)

    def checked(self, job: Job) -> Job:
        """The job, unless it is a refusal, which is raised."""
        refusal = self._operations.refusal(job)
        if refusal is not None:
            raise refusal
        return job

    def _began(self, place: CatchUpPlace, until: float, begun: Begun) -> CatchUpRun:
        """From here on it goes on whatever becomes of the request."""
        run = CatchUpRun(begun.held.job, until, begun.held.remaining)
        structlog.contextvars.bind_contextvars(job_id=run.job.job_id)
        place.is_kept = True
        self._runs.add(run)
        try:
            self._start(partial(self._make, place, run, begun))
        except RuntimeError:
            # No thread is left: nothing was sent.
            log.exception("catch_up_not_started", job_id=run.job.job_id)
            self._over(run, place, self._declined(run.job))
        return run

    def _make(self, place: CatchUpPlace, run: CatchUpRun, begun: Begun) -> None:
        with structlog.contextvars.bound_contextvars(job_id=run.job.job_id):
            job = run.job
            try:
                job = self._maker.make(run, begun.body)
            except Exception:
                log.exception("catch_up_not_made", job_id=job.job_id)
            finally:
                self._over(run, place, job)

    def _over(self, run: CatchUpRun, place: CatchUpPlace, job: Job) -> None:
        self._runs.remove(job.job_id)
        place.put_back()
        run.finish(job)

    def _declined(self, job: Job) -> Job:
        try:
            return self._jobs.decline(job, Failure.PROVIDER_UNAVAILABLE)
        except FareboxError as error:
            log.warning("outcome_not_stored", job_id=job.job_id, reason=error.code)
            return job
