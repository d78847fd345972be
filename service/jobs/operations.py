"""Every verb on jobs: submit, get, list, wait, handle a callback."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from service.core.clock import Clock, from_iso
from service.core.errors import Conflict, FareboxError, Forbidden, RateLimited
from service.core.ids import is_id
from service.core.principal import Principal
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.core.token_cipher import TokenCipher
from service.jobs import keys, store
from service.jobs.admission import Admission, Earlier, Outcome, Place
from service.jobs.cancellation import (
    Cancellation,
    Cancelled,
    cancel_request_write,
    outcome_of,
    read_cancelled,
)
from service.jobs.entities import (
    CallbackDeferred,
    CallbackRefused,
    Job,
    JobNotFound,
    JobRequest,
    JobStatus,
)
from service.jobs.extensions import Extensions, Fit
from service.jobs.holds import Held
from service.jobs.house import HouseBudget
from service.jobs.settlement import Settlement
from service.jobs.submit_places import SubmitPlaces
from service.jobs.waiting import OpenJobs
from service.jobs.work import AsynchronousWork, Operations, Quote, Verdict
from service.providers.base import Accepted, Created, Indeterminate, Rejected
from service.storage.cursor import PageTokens
from service.storage.table import ConditionFailed, Table

log = structlog.get_logger()

CALLBACKS_PATH = "/callbacks"
# DynamoDB's own limit for one BatchGetItem.
MAX_TOGETHER = 100
RETRY_AFTER_SECONDS = 5
# Five minutes of 15 seconds each.
MAX_WAITS = 20


@dataclass(frozen=True)
class Submission:
    """The outcome of a request: the job as stored, what the user can still spend, and whether the
    job is an earlier request's."""

    job: Job
    remaining: int
    replayed: bool = False


@dataclass(frozen=True)
class Begun:
    """A hold whose call is to be made now, by its owner alone, with that body."""

    held: Held
    body: Any


@dataclass(frozen=True)
class JobPage:
    jobs: list[Job]
    next_token: str | None


@dataclass(frozen=True)
class WaitedJob:
    """A job that was waited for. `retry_after_seconds`: it could not be waited for any longer, and
    the client should pause before it requests the job again; else None."""

    job: Job
    retry_after_seconds: int | None = None


@dataclass(frozen=True)
class JobLimits:
    """How many requests may wait for jobs at once in this process, and how many of one user; and
    the same of those that submit a job, for each provider."""

    max_waiting: int
    max_waiting_of_user: int
    max_submitting: int
    max_submitting_of_user: int


class Jobs:
    """Submits jobs and returns them as they stand."""

    def __init__(
        self,
        table: Table,
        admission: Admission,
        house: HouseBudget,
        operations: Operations,
        settlement: Settlement,
        extensions: Extensions,
        token_cipher: TokenCipher,
        page_tokens: PageTokens,
        clock: Clock,
        limits: JobLimits,
        public_url: str,
    ) -> None:
        self._table = table
        self._admission = admission
        self._house = house
        self._operations = operations
        self._settlement = settlement
        self._extensions = extensions
        self._token_cipher = token_cipher
        self._page_tokens = page_tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._places = Shares(limits.max_waiting, limits.max_waiting_of_user)
        self._open_jobs = OpenJobs(table, clock)
        self._submit_places = SubmitPlaces(
            limits.max_submitting, limits.max_submitting_of_user, clock
        )

    def submit(self, request: JobRequest) -> Submission:
        """Holds the most that the work can cost, sends the request once, and returns the job as
        stored. A repeated key returns the same job.

        Raises, before anything is written: `IdempotencyKeyReused`, whatever the kind of work
        refuses, `SubscriptionRequired`, `SessionEnded`, `SessionCeilingReached`, `TooManyJobs`,
        `ProviderSaturated`, `AccountClosed`, what `Users.sign_up` and `Users.welcomed` raise,
        `WalletFrozen`, `InsufficientCredits`, `AlreadyLive`, `TooManyOpenJobs`,
        `DailyLimitReached`, `LossLimitReached`, `HouseLimitReached`, `WalletBusy`.
        Raises, naming the job: the kind's errors for work that the provider refused, `ProviderBusy`
        and `ProviderUnavailable` among them (released), and `OutcomeUnknown`."""
        work = self._operations.work(request.operation)
        place = partial(self._submit_places.place, request.payer, work.provider)

        def send(held: Held, body: object) -> Submission:
            return self._send(work, replace(request, body=body), held)

        admitted = self._admission.admitted(work, request, place, send)
        return self._replayed(admitted) if isinstance(admitted, Earlier) else admitted

    def begin(
        self, request: JobRequest, place: Place, proceed: Callable[[Begun], Outcome]
    ) -> Outcome | Submission:
        """Holds the most that a call can cost. `proceed` is its owner's part, and makes the call;
        a repeated key returns the earlier job. `place` is entered for both.

        Raises what `submit` raises before anything is written, but for `TooManyJobs` and
        `ProviderSaturated`: what `place` raises; and `OutcomeUnknown`, which names the job.
        Raises `LookupError` for work that is no call."""
        call = self._operations.call(request.operation)
        if call is None:
            raise LookupError(f"{request.operation} is no call")

        def begun(held: Held, body: object) -> Outcome:
            return proceed(Begun(held, body))

        admitted = self._admission.admitted(call, request, place, begun)
        return self._replayed(admitted) if isinstance(admitted, Earlier) else admitted

    def conclude(self, job: Job, verdict: Verdict) -> Job:
        """For the owner of a call whose verdict is stored: see `Settlement.conclude`."""
        ended = self._settlement.conclude(job, verdict)
        self._house.settled(ended)
        return ended

    def decline(self, job: Job, failure: str) -> Job:
        """For the owner of a call that delivered nothing: see `Settlement.decline`."""
        ended = self._settlement.decline(job, failure)
        self._house.settled(ended)
        return ended

    def extend(self, job: Job, fit: Fit) -> Job:
        """For the owner of a session: see `Extensions.extend`."""
        return self._extensions.extend(job, fit)

    def read(self, job: Job) -> Job:
        """The job as it is stored now. Raises `JobNotFound` and `StorageUnavailable`."""
        return self._settlement.read(job.payer, job.job_id)

    def cancelled(self, jobs: Sequence[Job]) -> set[str]:
        """The ids of those among the open calls that their users want to end, as far as it can be
        read now."""
        found: set[str] = set()
        for start in range(0, len(jobs), MAX_TOGETHER):
            wanted = [keys.job(job.payer, job.job_id) for job in jobs[start : start + MAX_TOGETHER]]
            found |= {keys.id_of(key) for key in read_cancelled(self._table, wanted)}
        return found

    def cancel(self, user_id: str, job_id: str) -> Cancelled:
        """Has an open call ended by its owner, soon; again without effect. Raises `JobNotFound`
        and `StorageUnavailable`."""
        job = self.get(user_id, job_id)
        call = self._operations.call(job.operation)
        if not job.is_open or call is None or not call.is_cancellable:
            return Cancelled(job, outcome_of(job))
        try:
            self._table.write(cancel_request_write(job, self._clock.now()))
        except ConditionFailed:
            job = self.get(user_id, job_id)
            return Cancelled(job, outcome_of(job))
        return Cancelled(job, Cancellation.REQUESTED)

    def quote(self, principal: Principal, operation: str, body: object) -> Quote:
        """See `Admission.quote`."""
        return self._admission.quote(principal, operation, body)

    def get(self, user_id: str, job_id: str) -> Job:
        """Raises `JobNotFound`, for another user's job exactly as for one that does not exist."""
        if not is_id("job", job_id):
            raise JobNotFound
        job = self._settlement.read(user_id, job_id)
        self._house.settled(job)
        return job

    def wait_for(
        self,
        user_id: str,
        job_id: str,
        seconds: float,
        is_draining: Callable[[], bool] = lambda: False,
    ) -> WaitedJob:
        """The job once it has ended, or as it stands after that many seconds; sooner, with
        `retry_after_seconds`, when too many wait already or the process drains."""
        job = self.get(user_id, job_id)
        if seconds <= 0 or not job.is_open:
            return WaitedJob(job)
        try:
            self._places.take(user_id)
        except (NothingLeft, ShareUsedUp):
            return WaitedJob(job, RETRY_AFTER_SECONDS)
        try:
            self._open_jobs.wait(user_id, job_id, seconds, is_draining)
        finally:
            self._places.put_back(user_id)
        job = self.get(user_id, job_id)
        return WaitedJob(job, RETRY_AFTER_SECONDS if job.is_open and is_draining() else None)

    def waits(
        self, user_id: str, job: Job, step_seconds: float, is_draining: Callable[[], bool]
    ) -> Iterator[Job]:
        """The job as it stands after each step of waiting, until it has ended, `MAX_WAITS` of them
        are over, there is no place to wait in, or the process drains."""
        yield job
        for _ in range(MAX_WAITS):
            if not job.is_open or is_draining():
                return
            waited = self.wait_for(user_id, job.job_id, step_seconds, is_draining)
            job = waited.job
            yield job
            if waited.retry_after_seconds is not None:
                return

    def page(self, user_id: str, limit: int, token: str | None) -> JobPage:
        """The user's jobs, newest first. Raises `PageTokenInvalid`."""
        scope = ("jobs", user_id)
        after = self._page_tokens.open(scope, token) if token else ""
        jobs, last = store.read_page(self._table, user_id, limit, after)
        return JobPage(jobs, self._page_tokens.seal(scope, last) if last else None)

    def beginnings(self, user_id: str, job_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """By id of the user's job: its operation, and when its credits were held. A job that is not
        there is left out; so are some, rarely, that DynamoDB has no time for."""
        found: dict[str, tuple[str, int]] = {}
        for start in range(0, len(job_ids), MAX_TOGETHER):
            wanted = [keys.job(user_id, each) for each in job_ids[start : start + MAX_TOGETHER]]
            for key, item in self._table.get_many(wanted, ("operation", "createdAt")).items():
                began = str(item["operation"]), from_iso(str(item["createdAt"]))
                found[keys.id_of(key)] = began
        return found

    def handle_callback(
        self,
        provider: str,
        token: str,
        headers: Mapping[str, str],
        body: bytes,
        allowed: Callable[[str], bool],
    ) -> None:
        """Treats a callback only as a hint: when token and signature are valid and it names a
        final status, queries the provider, if `allowed` says that this job was not resolved a
        moment ago. Raises `CallbackRefused`, `CallbackDeferred`, and what passes by itself of
        `Settlement.resolve`."""
        names = self._token_cipher.open(token)
        work = self._operations.of_provider(provider)
        if names is None or len(names) != 2 or work is None:
            raise CallbackRefused
        event = work.read_callback(headers, body, self._clock.now())
        if event is None:
            raise CallbackRefused
        payer, job_id = names
        structlog.contextvars.bind_contextvars(job_id=job_id)
        if event.final and allowed(job_id):
            self._house.settled(self._resolved(payer, job_id))

    def callback_url(self, job: Job, provider: str) -> str | None:
        """The address of ours that a provider calls back about that job, and no other has; None
        where this service has no address."""
        if not self._public_url:
            return None
        token = self._token_cipher.seal([job.payer, job.job_id])
        return f"{self._public_url}{CALLBACKS_PATH}/{provider}/{token}"

    def _resolved(self, payer: str, job_id: str) -> Job:
        try:
            return self._settlement.resolve(payer, job_id)
        except (Conflict, Forbidden, RateLimited) as error:
            raise CallbackDeferred from error

    def _replayed(self, earlier: Earlier) -> Submission:
        job, wallet = earlier.job, earlier.wallet
        structlog.contextvars.bind_contextvars(job_id=job.job_id)
        self._raise_refusal(job)
        remaining = wallet.spendable(self._clock.now(), job.operation) if wallet else 0
        return Submission(job, remaining, replayed=True)

    def _send(self, work: AsynchronousWork, request: JobRequest, held: Held) -> Submission:
        """The single send, by the request that made the hold and no other, inside its window.
        Whatever is returned or raised after the hold names the job as it is stored."""
        job = held.job
        structlog.contextvars.bind_contextvars(job_id=job.job_id)
        if job.status is JobStatus.SUBMITTING and not job.task_id:
            until = min(held.send_until, self._clock.monotonic() + work.submit_seconds)
            job = self._recorded(work, job, self._created(work, job, request.body, until))
            self._house.settled(job)
        self._raise_refusal(job)
        return Submission(job, held.remaining + job.returned)

    def _created(self, work: AsynchronousWork, job: Job, body: object, until: float) -> Created:
        try:
            return work.submit(job, body, self.callback_url(job, work.provider), until)
        except Exception:
            log.exception("provider_create_failed", job_id=job.job_id)
            return Indeterminate()

    def _recorded(self, work: AsynchronousWork, job: Job, outcome: Created) -> Job:
        """The job as stored after that outcome; as it was held, when the outcome cannot be stored
        now (the worker finds out)."""
        try:
            match outcome:
                case Rejected(reason):
                    return self._settlement.decline(job, work.failure_of(reason))
                case Accepted(task):
                    return self._settlement.record(job, task)
        except FareboxError as error:
            log.warning("outcome_not_stored", job_id=job.job_id, reason=error.code)
        except Exception:
            log.exception("outcome_not_stored", job_id=job.job_id)
        return job

    def _raise_refusal(self, job: Job) -> None:
        refusal = self._operations.refusal(job)
        if refusal is not None:
            raise refusal
