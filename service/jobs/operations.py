"""Every verb on jobs: submit, get, list, wait, handle a callback."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from service.core.amounts import Amount
from service.core.clock import Clock, from_iso
from service.core.errors import FareboxError
from service.core.ids import is_id
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.core.token_cipher import TokenCipher
from service.entitlements.operations import Entitlements, Permission
from service.jobs import keys, store
from service.jobs.entities import (
    MAX_PAYLOAD_BYTES,
    CallbackRefused,
    Job,
    JobNotFound,
    JobRequest,
    JobStatus,
)
from service.jobs.holds import Held, Holds, key_of, related_to
from service.jobs.house import HouseBudget
from service.jobs.settlement import Settlement
from service.jobs.submit_places import SubmitPlaces
from service.jobs.waiting import OpenJobs
from service.jobs.work import AsynchronousWork, Estimate, Facts, Operations, Quote
from service.ledger.details import OPERATION
from service.ledger.entities import (
    IdempotencyKeyReused,
    InsufficientCredits,
    StaleRead,
    Wallet,
    WalletBusy,
    check_wallet,
)
from service.ledger.movements import hold
from service.ledger.operations import Ledger, Snapshot
from service.providers.base import Accepted, Created, Indeterminate, Rejected
from service.storage.cursor import PageTokens
from service.storage.table import Table
from service.users.entities import is_open
from service.users.operations import Users

log = structlog.get_logger()

CALLBACKS_PATH = "/callbacks"
MAX_ROUNDS = 5
# DynamoDB's own limit for one BatchGetItem.
MAX_TOGETHER = 100
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True)
class Submission:
    """The outcome of a request: the job as stored, what the user can still spend, and whether the
    job is an earlier request's."""

    job: Job
    remaining: int
    replayed: bool = False


@dataclass(frozen=True)
class JobPage:
    jobs: list[Job]
    next_token: str | None


@dataclass(frozen=True)
class WaitedJob:
    """A job that was waited for. `retry_after_seconds`: there was no place to wait in, and the
    client should pause before it requests the job again; else None."""

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


@dataclass(frozen=True)
class HoldBasis:
    """What a hold is decided from: what the work costs and keeps, the job that the key stood for so
    far, what was read of the wallet, and what the user must be permitted."""

    estimate: Estimate
    payload: Facts
    earlier: Job | None
    snapshot: Snapshot
    permission: Permission | None


class Jobs:
    """Submits jobs and returns them as they stand."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        users: Users,
        entitlements: Entitlements,
        holds: Holds,
        house: HouseBudget,
        operations: Operations,
        settlement: Settlement,
        token_cipher: TokenCipher,
        page_tokens: PageTokens,
        clock: Clock,
        metrics: Metrics,
        limits: JobLimits,
        public_url: str,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._users = users
        self._entitlements = entitlements
        self._holds = holds
        self._house = house
        self._operations = operations
        self._settlement = settlement
        self._token_cipher = token_cipher
        self._page_tokens = page_tokens
        self._clock = clock
        self._metrics = metrics
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
        `WalletFrozen`, `InsufficientCredits`, `TooManyOpenJobs`, `DailyLimitReached`,
        `HouseLimitReached`, `WalletBusy`.
        Raises, naming the job: the kind's errors for work that the provider refused, `ProviderBusy`
        and `ProviderUnavailable` among them (released), and `OutcomeUnknown`."""
        work = self._operations.work(request.operation)
        permission = self._entitlements.permission(request.operation, request.payer)
        related = related_to(request, permission)
        snapshot: Snapshot | None = None
        for _ in range(MAX_ROUNDS):
            snapshot = snapshot or self._ledger.read_snapshot(request.payer, related)
            check_wallet(snapshot.wallet, request.actor)
            earlier = self._earlier(request, snapshot)
            if earlier is not None and not earlier.retryable:
                return self._replayed(earlier, snapshot.wallet)
            estimate, payload = _terms(work, request.body)
            if permission is not None:
                permission.check(snapshot.item(permission.key))
            self._holds.check_ceiling(request, estimate, snapshot)
            with self._submit_places.place(request.payer, work.provider):
                placed, snapshot = self._placed(
                    work, request, HoldBasis(estimate, payload, earlier, snapshot, permission)
                )
            if placed is not None:
                return placed
        raise WalletBusy

    def _placed(
        self, work: AsynchronousWork, request: JobRequest, basis: HoldBasis
    ) -> tuple[Submission | None, Snapshot | None]:
        """Takes the hold and sends the job. None for the submission when it has to be decided anew:
        on the snapshot of a sign-up, or with none where what was read is stale."""
        device = self._users.digests(request.fingerprint)
        related = related_to(request, basis.permission)
        if not is_open(basis.snapshot.wallet):
            return None, self._users.sign_up(request.actor, device, related)
        snapshot = self._users.welcomed(request.actor, device, basis.snapshot, related)
        try:
            held = self._holds.take(
                request,
                device,
                basis.estimate,
                basis.payload,
                basis.earlier,
                snapshot,
                basis.permission,
            )
        except StaleRead:
            return None, None
        self._metrics.count(Metric.HOLDS)
        return self._send(work, request, held), None

    def quote(self, principal: Principal, operation: str, body: object) -> Quote:
        """What `submit` would hold for that request now, and whether it could; writes nothing.
        Raises `OperationNotFound`, whatever the kind of work refuses, `SubscriptionRequired`,
        `AccountClosed`, `SessionEnded`, `WalletFrozen`, `WalletBusy` and `StorageUnavailable`."""
        work = self._operations.known(operation)
        estimate, _ = _terms(work, body)
        permission = self._entitlements.permission(operation, principal.subject)
        if permission is not None:
            permission.check(self._table.get(permission.key))
        snapshot, now = self._holds.read_limits(principal), self._clock.now()
        wallet = snapshot.wallet
        check_wallet(wallet, principal)
        left = self._holds.left(principal, snapshot)
        if wallet is None or not is_open(wallet):
            return Quote(operation, estimate, 0, is_sufficient=False, registered=False)
        spendable = wallet.spendable(now, operation)
        available = spendable if left is None else min(spendable, left)
        is_sufficient = _can_hold(wallet, operation, estimate.amount, now)
        is_sufficient &= left is None or estimate.amount <= left
        return Quote(operation, estimate, available, is_sufficient, registered=True)

    def get(self, user_id: str, job_id: str) -> Job:
        """Raises `JobNotFound`, for another user's job exactly as for one that does not exist."""
        if not is_id("job", job_id):
            raise JobNotFound
        job = self._settlement.read(user_id, job_id)
        self._house.settled(job)
        return job

    def wait_for(self, user_id: str, job_id: str, seconds: float) -> WaitedJob:
        """The job once it has ended, or as it stands after that many seconds; at once, with
        `retry_after_seconds`, when too many wait already."""
        job = self.get(user_id, job_id)
        if seconds <= 0 or not job.is_open:
            return WaitedJob(job)
        try:
            self._places.take(user_id)
        except (NothingLeft, ShareUsedUp):
            return WaitedJob(job, RETRY_AFTER_SECONDS)
        try:
            self._open_jobs.wait(user_id, job_id, seconds)
        finally:
            self._places.put_back(user_id)
        return WaitedJob(self.get(user_id, job_id))

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
        moment ago. Raises `CallbackRefused`."""
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
            self._house.settled(self._settlement.resolve(payer, job_id))

    def _earlier(self, request: JobRequest, snapshot: Snapshot) -> Job | None:
        """The job that the request's key stands for already. Raises `IdempotencyKeyReused`, which
        names it."""
        key = key_of(request)
        use = store.key_use(snapshot.item(key)) if key else None
        if use is None:
            return None
        if use.body_hash != request.body_hash:
            raise IdempotencyKeyReused(
                details={"jobId": use.job_id}, location=f"/jobs/{use.job_id}"
            )
        return self._settlement.read(request.payer, use.job_id)

    def _replayed(self, job: Job, wallet: Wallet | None) -> Submission:
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
            return work.submit(job, body, self._callback_url(work, job), until)
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

    def _callback_url(self, work: AsynchronousWork, job: Job) -> str | None:
        if not self._public_url:
            return None
        token = self._token_cipher.seal([job.payer, job.job_id])
        return f"{self._public_url}{CALLBACKS_PATH}/{work.provider}/{token}"


def _can_hold(wallet: Wallet, operation: str, amount: Amount, now: int) -> bool:
    """Whether the very rule that holds credits would. Raises `WalletFrozen`."""
    try:
        hold(wallet, amount, "quote", now, details={OPERATION: operation})
    except InsufficientCredits:
        return False
    return True


def _terms(work: AsynchronousWork, body: object) -> tuple[Estimate, Facts]:
    """Everything that the kind of work may refuse, and what the hold needs of it. Must come before
    any write, sign-up included. Raises what the kind of work raises."""
    work.validate(body)
    estimate, payload = work.estimate(body), work.payload(body)
    if len(json.dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{work.operation} keeps too much of its request")
    return estimate, payload
