"""One metered request for AI work: its states, and the pure rules of how it ends.
Knows no kind of work.

Times are epoch milliseconds."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import Amount
from service.core.errors import Conflict, NotFound, RateLimited, Unavailable
from service.core.principal import Principal
from service.ledger.details import OPERATION, REQUEST_ID, Details
from service.ledger.entities import EXAMPLE_JOB, WalletFrozen
from service.ledger.lots import Allocation
from service.providers import base
from service.storage.codec import Value

MAX_PAYLOAD_BYTES = 200
MAX_RESULT_BYTES = 1200


class JobStatus(StrEnum):
    SUBMITTING = "SUBMITTING"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


OPEN = (JobStatus.SUBMITTING, JobStatus.SUBMITTED)


class Failure(StrEnum):
    """Why a job of any kind ended without being charged. A kind of work has further reasons of its
    own."""

    PROVIDER_BUSY = "PROVIDER_BUSY"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    GENERATION_FAILED = "GENERATION_FAILED"
    PROVIDER_UNRESOLVED = "PROVIDER_UNRESOLVED"


RETRYABLE = (Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE)


class ReleaseNotAllowed(Conflict):
    """A job that has ended, or whose time has not run out. Nothing was written."""

    code = "RELEASE_NOT_ALLOWED"
    summary = "This job has ended, or may still settle by itself. Nothing was changed."
    advice = "For operators: a job is released by hand only past its hard limit."


class JobNotFound(NotFound):
    code = "JOB_NOT_FOUND"
    summary = "There is no such job."


class ProviderBusy(Unavailable):
    code = Failure.PROVIDER_BUSY.value
    summary = "The provider is busy. Nothing was charged; try again shortly."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    retry_after = 5


class ProviderUnavailable(Unavailable):
    code = Failure.PROVIDER_UNAVAILABLE.value
    summary = "The provider cannot be used right now. Nothing was charged; try again later."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB
    retry_after = 60


class TooManyJobs(RateLimited):
    """One user's jobs that are being submitted at this moment, in this process. Nothing was
    written, and an idempotency key stays free."""

    code = "TOO_MANY_JOBS"
    summary = "Too many of your jobs are being submitted at once. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 16}
    advice = (
        "Submit at most `details.limit` at once; wait as long as `Retry-After` says, then repeat, "
        "with the same `Idempotency-Key` if you sent one."
    )
    retry_after = 2


class ProviderSaturated(Unavailable):
    """Everybody's jobs that wait for the provider's first response, in this process. Nothing was
    written, and an idempotency key stays free."""

    code = "PROVIDER_SATURATED"
    summary = "Too many jobs wait for the provider to respond. Nothing was charged."
    retry_after = 5


class JobDamaged(WalletFrozen):
    """A job's item is not what this service wrote. It stays as it is until an operator has
    investigated: a further write would seal the edit. A client sees a frozen wallet."""


class CallbackRefused(NotFound):
    """A forged token or signature. The response is that for an address that does not exist."""

    code = "CALLBACK_NOT_FOUND"
    summary = "There is no such callback."


@dataclass(frozen=True)
class ProviderCost:
    """What a provider bills us, in millionths of the currency's unit."""

    micros: int
    currency: str


@dataclass(frozen=True)
class BoundKey:
    """The idempotency key that a job was requested with: the hash that names its item (64 hex
    digits), and that of the body (32)."""

    digest: str
    body_hash: str


@dataclass(frozen=True)
class JobRequest:
    """A request for one job. `body` is the kind's own request; `body_facts` is everything requested
    but the device, and must be the same for the same idempotency key. `actor` is who requests;
    `request_id` is the id of the HTTP request ("": none)."""

    actor: Principal
    operation: str
    route: str
    fingerprint: str
    body: object
    body_facts: tuple[str, ...]
    idempotency_key: str | None = None
    request_id: str = ""

    @property
    def payer(self) -> str:
        """The user whose wallet pays: today the one who requests."""
        return self.actor.subject

    @property
    def body_hash(self) -> str:
        facts = json.dumps([self.actor.subject, *self.body_facts], separators=(",", ":"))
        return hashlib.sha256(facts.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Job:
    """One job. It lies with the user who pays for it, and names the one who requested it.

    `held` credits were taken from the lots in `allocation`, an upper bound; `captured` were really
    charged; its end left the balance `balance_after` (None: not known). `price_terms` are those of
    the price that was quoted (empty: what is held). `request_id` is that of the HTTP request that
    made it ("": none is known). `payload` is what the kind of work keeps of the request, `result`
    what it delivered, `facts` is the provider's own data; an erasure (at `erased_at`) empties these
    three. `due_at` is the time of the next look at the provider (None: none), `watch_until` the end
    of watching an unresolved job. `house_loss` credits were not charged for work delivered after
    the release (None: none). An open job on a new device has its digests in `device`.
    `mac` is its seal."""

    payer: str
    actor: str
    job_id: str
    operation: str
    held: Amount
    allocation: Allocation
    status: JobStatus
    created_at: int
    submit_until: int
    hard_at: int
    due_at: int | None
    price_version: str = ""
    price_terms: str = ""
    request_id: str = ""
    payload: Mapping[str, Value] = field(default_factory=dict)
    device: tuple[str, ...] = ()
    task_id: str | None = None
    facts: Mapping[str, Value] = field(default_factory=dict)
    not_found_at: int | None = None
    result: Mapping[str, Value] | None = None
    captured: Amount = 0
    balance_after: Amount | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    provider_cost: ProviderCost | None = None
    failure: str | None = None
    watch_until: int | None = None
    house_loss: Amount | None = None
    bound_key: BoundKey | None = None
    erased_at: int | None = None
    mac: str = ""

    @property
    def location(self) -> str:
        return f"/jobs/{self.job_id}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def entry_details(self) -> Details:
        """What each of its entries says of it."""
        return {OPERATION: self.operation, REQUEST_ID: self.request_id}

    @property
    def returned(self) -> Amount:
        """Credits that went back to their lots."""
        return 0 if self.is_open else self.held - self.captured

    @property
    def retryable(self) -> bool:
        """Whether a new job may take its place under the same key."""
        return self.failure in RETRYABLE


@dataclass(frozen=True)
class Times:
    """The protocol's times, in milliseconds."""

    submit: int
    quarantine: int
    not_found_gap: int
    hard_limit: int
    watch: int
    poll_min: int
    poll_max: int
    watch_poll: int


@dataclass(frozen=True)
class Record:
    """The provider has it: store its id."""

    task: base.Task


@dataclass(frozen=True)
class Capture:
    """The provider has delivered: charge, and hand over the result."""

    task: base.Task
    result: Mapping[str, Value]


@dataclass(frozen=True)
class Release:
    """It will not be delivered, or no one can learn whether it was: return the credits."""

    failure: str
    task: base.Task | None = None


@dataclass(frozen=True)
class DeliverUncharged:
    """Delivered after the credits went back: hand over the result without charge."""

    task: base.Task
    result: Mapping[str, Value]


@dataclass(frozen=True)
class StopMonitoring:
    """Nothing more is expected."""


@dataclass(frozen=True)
class Wait:
    """Nothing certain yet: query the provider again at `due_at`. `alarm` names what an operator
    should know of."""

    due_at: int
    not_found_at: int | None = None
    alarm: str = ""


@dataclass(frozen=True)
class Nothing:
    """The job has ended and stays as it is."""


@dataclass(frozen=True)
class Observation:
    """What the provider said, and when that was true: at some moment from `requested_at` to
    `received_at`."""

    lookup: base.TaskLookup
    requested_at: int
    received_at: int


Judge = Callable[[base.Task], Mapping[str, Value] | None]
Transition = Record | Capture | Release | DeliverUncharged | StopMonitoring | Wait | Nothing


def next_transition(job: Job, observation: Observation, times: Times, judge: Judge) -> Transition:
    """What one fresh observation means for a job as it is stored. `judge` returns the result that a
    succeeded task delivers, None for none. Pure, and the only place that decides.

    What was observed of another task than the job's own says nothing about the job: it may have
    been recorded by another process since the provider was queried."""
    observation = _about(job, observation)
    match job.status:
        case JobStatus.SUBMITTING:
            return _resolve_submitting(job, observation, times)
        case JobStatus.SUBMITTED:
            return _resolve_submitted(
                job, observation.lookup, observation.requested_at, times, judge
            )
        case JobStatus.FAILED:
            return _resolve_failed(job, observation.lookup, observation.requested_at, times, judge)
        case JobStatus.SUCCEEDED:
            return Nothing()


def _about(job: Job, observation: Observation) -> Observation:
    """The observation, an indeterminate one if it is of another task than the job's."""
    lookup = observation.lookup
    if isinstance(lookup, base.Found) and job.task_id not in (None, lookup.task.task_id):
        return replace(observation, lookup=base.Indeterminate())
    return observation


def _resolve_submitting(job: Job, observation: Observation, times: Times) -> Transition:
    """Two not-founds are far enough apart when the response to the first came long enough before
    the second request."""
    lookup, now = observation.lookup, observation.requested_at
    if isinstance(lookup, base.Found):
        return Record(lookup.task)
    later = _next_due(job, now, times)
    if isinstance(lookup, base.Indeterminate):
        return Wait(later, job.not_found_at, _late(job, now))
    if now < job.submit_until:
        return Wait(job.submit_until)
    if now >= job.hard_at:
        return Release(Failure.PROVIDER_UNRESOLVED)
    first = observation.received_at if job.not_found_at is None else job.not_found_at
    releasable_at = max(first + times.not_found_gap, job.submit_until + times.quarantine)
    if job.not_found_at is not None and now >= releasable_at:
        return Release(Failure.PROVIDER_UNRESOLVED)
    return Wait(min(later, max(releasable_at, now + 1)), first)


def _resolve_submitted(
    job: Job, lookup: base.TaskLookup, now: int, times: Times, judge: Judge
) -> Transition:
    wait = Wait(_next_due(job, now, times), job.not_found_at, _late(job, now))
    match lookup:
        case base.Found(task) if task.status is base.TaskStatus.SUCCEEDED:
            result = judge(task)
            if result is not None:
                return Capture(task, result)
            return Wait(wait.due_at, wait.not_found_at, "result_unusable")
        case base.Found(task) if task.status is base.TaskStatus.FAILED:
            return Release(Failure.GENERATION_FAILED, task)
        case base.Found() | base.NotFound() if now >= job.hard_at:
            return Release(Failure.PROVIDER_UNRESOLVED)
        case base.NotFound():
            return Wait(wait.due_at, wait.not_found_at, "task_not_found")
    return wait


def _resolve_failed(
    job: Job, lookup: base.TaskLookup, now: int, times: Times, judge: Judge
) -> Transition:
    """A late success is delivered whatever the failure was; only a watched job is looked at again
    without a callback."""
    task = lookup.task if isinstance(lookup, base.Found) else None
    if task and task.status is base.TaskStatus.SUCCEEDED:
        result = judge(task)
        if result is not None:
            return Nothing() if job.result else DeliverUncharged(task, result)
    if job.watch_until is None:
        return Nothing()
    if now >= job.watch_until or (task and task.status is base.TaskStatus.FAILED):
        return StopMonitoring()
    return Wait(min(now + times.watch_poll, job.watch_until))


def _next_due(job: Job, now: int, times: Times) -> int:
    """A quarter of the job's age later, within bounds, and not past the hard limit while that lies
    ahead."""
    interval = min(max((now - job.created_at) // 4, times.poll_min), times.poll_max)
    return min(now + interval, job.hard_at) if now < job.hard_at else now + interval


def _late(job: Job, now: int) -> str:
    return "past_hard_limit" if now >= job.hard_at else ""
