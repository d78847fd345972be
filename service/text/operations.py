"""The verbs on texts: write one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.shares import Shares
from service.jobs.entities import Failure, Job, JobRequest
from service.jobs.operations import Begun, Jobs, Submission
from service.jobs.work import Operations
from service.text.calling import Caller
from service.text.entities import NewText, UnknownModel
from service.text.runs import Run, RunPlace, Runs

log = structlog.get_logger()

ROUTE = "POST /ai/generate"
# Between the end of a call's own time and its hard limit, its owner may still be settling it.
WAIT_SECONDS = 30.0

Start = Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class TextLimits:
    """How many calls this process makes at once, and how many for one user; one may take
    `limit_seconds`."""

    places: int
    places_of_user: int
    limit_seconds: float


class Text:
    """Has texts written."""

    def __init__(
        self,
        jobs: Jobs,
        operations: Operations,
        callers: Mapping[str, Caller],
        runs: Runs,
        clock: Clock,
        limits: TextLimits,
        start: Start,
    ) -> None:
        """`callers` are by the name of their model. `start` runs a call in a thread of its own."""
        self._jobs = jobs
        self._operations = operations
        self._callers = dict(callers)
        self._runs = runs
        self._clock = clock
        self._limits = limits
        self._start = start
        self._shares = Shares(limits.places, limits.places_of_user)

    def generate(self, new: NewText) -> Run | Submission:
        """Holds the most that the text can cost and begins to have it written: the run can be read
        while it is. A repeated key returns the earlier job as it stands.

        Raises, before anything is written: `UnknownModel`, `PromptTooLong`, `TextSaturated`,
        `TooManyTexts`, and what `Jobs.begin` raises."""
        until = self._clock.monotonic() + self._limits.limit_seconds
        caller = self._caller(new.body.model)
        place = RunPlace(self._shares, new.principal.subject, self._limits.places_of_user)
        request = JobRequest(
            actor=new.principal,
            operation=caller.operation,
            route=ROUTE,
            fingerprint=new.fingerprint,
            body=new.body,
            body_facts=new.body.facts,
            idempotency_key=new.idempotency_key,
            request_id=new.request_id,
        )
        return self._jobs.begin(request, lambda: place, partial(self._began, caller, place, until))

    def finished(self, run: Run) -> Job:
        """Waits for the call to end. Returns its job as stored. Raises the refusal that it is, if
        it is one."""
        left = run.until - self._clock.monotonic() + WAIT_SECONDS
        run.wait(max(0.0, left))
        return self.checked(run.job)

    def checked(self, job: Job) -> Job:
        """The job, unless it is a refusal, which is raised."""
        refusal = self._operations.refusal(job)
        if refusal is not None:
            raise refusal
        return job

    def _caller(self, model: str) -> Caller:
        if model not in self._callers:
            raise UnknownModel(details={"knownModels": sorted(self._callers)})
        return self._callers[model]

    def _began(self, caller: Caller, place: RunPlace, until: float, begun: Begun) -> Run:
        """From here on the call goes on whatever becomes of the request."""
        run = Run(begun.held.job, until, begun.held.remaining)
        structlog.contextvars.bind_contextvars(job_id=run.job.job_id)
        place.is_kept = True
        self._runs.add(run)
        try:
            self._start(partial(self._make, caller, place, run, begun))
        except RuntimeError:
            # No thread is left: nothing was sent.
            log.exception("text_not_started", job_id=run.job.job_id)
            self._over(run, place, self._declined(run.job))
        return run

    def _make(self, caller: Caller, place: RunPlace, run: Run, begun: Begun) -> None:
        with structlog.contextvars.bound_contextvars(job_id=run.job.job_id):
            job = run.job
            try:
                job = caller.call(run, begun.body)
            except Exception:
                log.exception("text_not_made", job_id=job.job_id)
            finally:
                self._over(run, place, job)

    def _over(self, run: Run, place: RunPlace, job: Job) -> None:
        self._runs.remove(job.job_id)
        place.put_back()
        run.finish(job)

    def _declined(self, job: Job) -> Job:
        try:
            return self._jobs.decline(job, Failure.PROVIDER_UNAVAILABLE)
        except FareboxError as error:
            log.warning("outcome_not_stored", job_id=job.job_id, reason=error.code)
            return job
