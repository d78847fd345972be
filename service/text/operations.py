"""The verbs on texts: write one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from service.core.clock import Clock
from service.jobs.entities import Job, JobRequest
from service.jobs.operations import Begun, Jobs, Submission
from service.jobs.work import Operations
from service.text.calling import Caller
from service.text.entities import NewText, TextSaturated, TooManyTexts, UnknownModel
from service.text.models import TextModel
from service.text.owners import Owners, Place, PlaceRefusals, Start
from service.text.runs import Run, Runs

# How long a request without a stream waits for its text: less than the balancer lets a connection
# be silent, 60 seconds.
SILENT_SECONDS = 45.0
# When to fetch a text that took longer.
RETRY_SECONDS = 2


@dataclass(frozen=True)
class TextLimits:
    """How many calls this process makes at once, and how many for one user; one may take
    `limit_seconds`, and keep a request without a stream waiting for `silent_seconds`."""

    places: int
    places_of_user: int
    limit_seconds: float
    silent_seconds: float = SILENT_SECONDS


class Text:
    """Has texts written."""

    def __init__(
        self,
        jobs: Jobs,
        operations: Operations,
        callers: Mapping[str, Caller],
        default_model: str,
        runs: Runs,
        clock: Clock,
        limits: TextLimits,
        start: Start,
    ) -> None:
        """`callers` are by the name of their model; `default_model`, one of them, is meant by a
        request that names none. `start` runs a call in a thread of its own."""
        self._jobs = jobs
        self._operations = operations
        self._callers = dict(callers)
        self._default_model = default_model
        self._clock = clock
        self._limits = limits
        refusals = PlaceRefusals(TextSaturated, TooManyTexts)
        self._owners = Owners(jobs, runs, start, limits.places, limits.places_of_user, refusals)

    def generate(self, new: NewText) -> Run | Submission:
        """Holds the most that the text can cost and begins to have it written: the run can be read
        while it is. A repeated key returns the earlier job as it stands, also where its model is no
        longer offered.

        Raises, before anything is written: what `TextGeneration.validate` raises, `TextSaturated`,
        `TooManyTexts`, and what `Jobs.begin` raises."""
        try:
            return self._begin(new)
        except UnknownModel:
            raise UnknownModel(details={"knownModels": sorted(self._callers)}) from None

    def _begin(self, new: NewText) -> Run | Submission:
        until = self._clock.monotonic() + self._limits.limit_seconds
        # Another model's work refuses a name that is not offered, but first `jobs` reads the key.
        default = self._callers[self._default_model]
        caller = self._callers.get(new.body.model or "", default)
        place = self._owners.place(new.principal.subject)
        request = JobRequest(
            actor=new.principal,
            operation=caller.operation,
            route=new.route,
            fingerprint=new.fingerprint,
            body=new.body,
            body_facts=new.body.facts,
            idempotency_key=new.idempotency_key,
            request_id=new.request_id,
            remembered_seconds=self._limits.limit_seconds if new.is_remembered else 0.0,
            is_retry=new.is_retry,
        )
        return self._jobs.begin(request, lambda: place, partial(self._began, caller, place, until))

    @property
    def models(self) -> tuple[TextModel, ...]:
        """The models on offer, by name."""
        return tuple(self._callers[name].model for name in sorted(self._callers))

    def finished(self, run: Run) -> Job:
        """Waits for the call to end, as long as a connection may be silent. Returns its job as
        stored, open if it has not. Raises the refusal that it is, if it is one."""
        run.wait(self._limits.silent_seconds)
        return self.checked(run.job)

    def checked(self, job: Job) -> Job:
        """The job, unless it is a refusal, which is raised."""
        refusal = self._operations.refusal(job)
        if refusal is not None:
            raise refusal
        return job

    def _began(self, caller: Caller, place: Place, until: float, begun: Begun) -> Run:
        """From here on the call goes on whatever becomes of the request."""
        run = Run(begun.held.job, until, begun.held.remaining)
        self._owners.own(run, place, partial(caller.call, run, begun.body))
        return run
