"""The verbs on catch-ups: have one written."""

from dataclasses import dataclass
from functools import partial

from service.catch_up.calling import Maker
from service.catch_up.entities import (
    CATCH_UP,
    CatchUpsSaturated,
    NewCatchUp,
    TooManyCatchUps,
)
from service.catch_up.runs import CatchUpRun
from service.core.clock import Clock
from service.jobs.entities import Job, JobRequest
from service.jobs.operations import Begun, Jobs, Submission
from service.jobs.work import Operations
from service.text.owners import Owners, Place, PlaceRefusals, Start
from service.text.runs import Runs

ROUTE = "POST /transcriptions/catch-up"
# How long a request waits for what it has begun: less than the balancer lets a connection be
# silent, 60 seconds.
SILENT_SECONDS = 45.0
# When to fetch a catch-up that took longer.
RETRY_SECONDS = 5


@dataclass(frozen=True)
class CatchUpLimits:
    """How many catch-ups this process writes at once, and how many for one user; one may take
    `limit_seconds`, and keep its request waiting for `silent_seconds`."""

    places: int
    places_of_user: int
    limit_seconds: float
    silent_seconds: float = SILENT_SECONDS


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
        self._clock = clock
        self._limits = limits
        refusals = PlaceRefusals(CatchUpsSaturated, TooManyCatchUps)
        self._owners = Owners(jobs, runs, start, limits.places, limits.places_of_user, refusals)

    def begin(self, new: NewCatchUp) -> CatchUpRun | Submission:
        """Holds the most that all steps can cost and begins to take them. A repeated key returns
        the earlier job as it stands.

        Raises, before anything is written: what `Words.parts` raises, `CatchUpsSaturated`,
        `TooManyCatchUps`, and what `Jobs.begin` raises."""
        until = self._clock.monotonic() + self._limits.limit_seconds
        place = self._owners.place(new.principal.subject)
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

    def _began(self, place: Place, until: float, begun: Begun) -> CatchUpRun:
        """From here on it goes on whatever becomes of the request."""
        run = CatchUpRun(begun.held.job, until, begun.held.remaining)
        self._owners.own(run, place, partial(self._maker.make, run, begun.body))
        return run
