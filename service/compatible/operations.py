"""The verbs of OpenAI's routes: begin a text, and follow it to its end for one client."""

from collections.abc import Callable, Iterator
from typing import Protocol

from service.compatible.entities import ModelNotFound, TextFailed, TextWish, Written
from service.core.principal import Principal, SignInMethod
from service.jobs.entities import Job, JobStatus
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.ledger.entities import OutcomeUnknown
from service.sessions.minting import Minting
from service.text.entities import NewText, TextNotFound
from service.text.models import TextModel
from service.text.operations import SILENT_SECONDS, Text
from service.text.runs import Run

# How long a step of waiting for a text may take that another request has begun.
STEP_SECONDS = 15.0


class Writing(Protocol):
    """A text on its way to one client, whoever has it written. `job` is its job as it was begun."""

    job: Job
    is_replay: bool

    def wait(self, seconds: float) -> bool:
        """Waits for the end, at most so long. Returns whether nothing more comes."""
        ...

    def has_begun(self, seconds: float) -> bool:
        """Waits for the first word or the end, at most so long. False: it is over without a
        word."""
        ...

    def pieces(self, live: Callable[[Run], Iterator[str]]) -> Iterator[str]:
        """The text as it comes, "" where nothing has come for too long. `live` reads a run."""
        ...

    def written(self) -> Written:
        """Once nothing more comes. Raises what became of it instead."""
        ...


class Compatible:
    """Has texts written for clients of OpenAI's."""

    def __init__(
        self,
        text: Text,
        minting: Minting,
        jobs: Jobs,
        operations: Operations,
        is_draining: Callable[[], bool],
        silent_seconds: float = SILENT_SECONDS,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        """A connection may be silent for `silent_seconds`; one that has begun is kept alive every
        `step_seconds`."""
        self.silent_seconds = silent_seconds
        self.step_seconds = step_seconds
        self._text = text
        self._minting = minting
        self._jobs = jobs
        self._operations = operations
        self._is_draining = is_draining

    def begin(self, caller: Principal, wish: TextWish) -> Writing:
        """Begins the text in the name of the caller, or of the user whom the caller's server key
        acts for; or finds the one that the request repeats. Raises `ExternalUserRequired`, and what
        `Text.generate` raises."""
        new = NewText(
            principal=self._actor(caller, wish.user),
            fingerprint="",
            body=wish.body,
            idempotency_key=wish.idempotency_key,
            request_id=wish.request_id,
            route=wish.route,
            is_remembered=True,
            is_retry=wish.is_retry,
        )
        begun = self._text.generate(new)
        if isinstance(begun, Run):
            return _OwnWriting(begun, self._checked)
        return _EarlierWriting(begun.job, self._waits, self._jobs, self._stored)

    def _waits(self, job: Job) -> Iterator[Job]:
        return self._jobs.waits(job.payer, job, self.step_seconds, self._is_draining)

    def models(self) -> tuple[TextModel, ...]:
        return self._text.models

    def model(self, name: str) -> TextModel:
        """Raises `ModelNotFound`."""
        found = next((model for model in self._text.models if model.name == name), None)
        if found is None:
            raise ModelNotFound
        return found

    def _actor(self, caller: Principal, user: str | None) -> Principal:
        if caller.method is SignInMethod.SERVER_KEY:
            return self._minting.acting_for(caller, user)
        return caller

    def _checked(self, job: Job) -> Job:
        """The job, if its text can be returned. What ended, and where that is not known yet, is
        an error in OpenAI's words."""
        self._text.checked(job)
        about = {"jobId": job.job_id}
        if job.status is JobStatus.FAILED:
            raise TextFailed(
                self._operations.message(job),
                details={**about, "reason": job.failure},
                location=job.location,
            )
        if job.is_open:
            raise OutcomeUnknown(details=about, location=job.location)
        return job

    def _stored(self, job: Job) -> Written:
        text = self._operations.content(self._checked(job)).get("text")
        if not isinstance(text, str):
            raise TextNotFound
        return Written(job, text)


class _OwnWriting:
    """A text that this request has begun: read from the run, and never from the table."""

    is_replay = False

    def __init__(self, run: Run, checked: Callable[[Job], Job]) -> None:
        self.job = run.job
        self._run = run
        self._checked = checked

    def wait(self, seconds: float) -> bool:
        return self._run.wait(seconds)

    def has_begun(self, seconds: float) -> bool:
        return not self._run.read(0, seconds).is_over

    def pieces(self, live: Callable[[Run], Iterator[str]]) -> Iterator[str]:
        return live(self._run)

    def written(self) -> Written:
        return Written(self._checked(self._run.job), self._run.text)


class _EarlierWriting:
    """A text that an earlier request has begun, in whatever process."""

    is_replay = True

    def __init__(
        self,
        job: Job,
        waits: Callable[[Job], Iterator[Job]],
        jobs: Jobs,
        stored: Callable[[Job], Written],
    ) -> None:
        self.job = job
        self._waits = waits
        self._jobs = jobs
        self._stored = stored
        self._found: Written | None = None

    def wait(self, seconds: float) -> bool:
        """True also when there is no place to wait in."""
        waited = self._jobs.wait_for(self.job.payer, self.job.job_id, seconds)
        self.job = waited.job
        return not self.job.is_open or waited.retry_after_seconds is not None

    def has_begun(self, seconds: float) -> bool:
        """While it is open nothing is known of it, and the wait is a part of the stream."""
        del seconds
        return self.job.is_open

    def pieces(self, live: Callable[[Run], Iterator[str]]) -> Iterator[str]:
        """The whole text at once, when it is stored."""
        del live
        for job in self._waits(self.job):
            self.job = job
            if job.is_open:
                yield ""
        if not self.job.is_open:
            yield self.written().text

    def written(self) -> Written:
        self._found = self._found or self._stored(self.job)
        return self._found
