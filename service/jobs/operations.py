"""Every verb on jobs: place, get, list, wait, hear a callback (the money protocol, section 4)."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.operations import Catalog
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.ids import is_id
from service.core.metrics import Metric, Metrics
from service.core.token_cipher import TokenCipher
from service.jobs import keys, store
from service.jobs.entities import (
    FAILURE_OF_REJECTION,
    CallbackRefused,
    IdempotencyKeyReused,
    Job,
    JobNotFound,
    JobStatus,
)
from service.jobs.holds import Held, Holds, JobRequest
from service.jobs.images import check_address, check_bytes
from service.jobs.settlement import Settlement
from service.jobs.waiting import OpenJobs
from service.ledger.entities import StaleRead, Wallet, WalletBusy
from service.ledger.operations import Ledger, Snapshot
from service.providers.base import (
    Accepted,
    Created,
    Indeterminate,
    Provider,
    Rejected,
    VideoRequest,
)
from service.storage import cursor
from service.storage.table import Table
from service.users.entities import is_open
from service.users.operations import Users

log = structlog.get_logger()

CALLBACK_PATH = "/callbacks/kling"
MAX_ROUNDS = 5


@dataclass(frozen=True)
class Submission:
    """The answer to an order: the job as stored, what the user can still spend, and whether the job
    is an earlier request's."""

    job: Job
    remaining: int
    replayed: bool = False


@dataclass(frozen=True)
class JobPage:
    jobs: list[Job]
    next_token: str | None


@dataclass(frozen=True)
class JobLimits:
    """Seconds that all tries of one create may take, and how many requests may wait at once in this
    process."""

    create_seconds: float
    max_waiting: int


class Jobs:
    """Places orders and tells what became of them."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        users: Users,
        holds: Holds,
        catalog: Catalog,
        provider: Provider,
        settlement: Settlement,
        token_cipher: TokenCipher,
        clock: Clock,
        metrics: Metrics,
        limits: JobLimits,
        public_url: str,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._users = users
        self._holds = holds
        self._catalog = catalog
        self._provider = provider
        self._settlement = settlement
        self._token_cipher = token_cipher
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._public_url = public_url.rstrip("/")
        self._places = threading.BoundedSemaphore(limits.max_waiting)
        self._open_jobs = OpenJobs(table, clock)

    def submit(self, order: JobRequest) -> Submission:
        """Holds the price, sends once, and answers from the job as stored. A repeated key gives the
        same job.

        Raises, before anything is written: `IdempotencyKeyReused`, `UnknownPromptKey`,
        `AddressRefused`, `ImageUnusable`, `ImageTooLarge`, `SystemLimitReached`,
        `DeviceAlreadyUsed`, `WalletFrozen`, `InsufficientCredits`, `WalletBusy`. Raises, naming the
        job: `ImageRejected`, `ContentRejected`, `ProviderBusy`, `ProviderUnavailable` (released),
        `OutcomeUnknown`."""
        check_bytes(order.image)
        snapshot: Snapshot | None = None
        for _ in range(MAX_ROUNDS):
            snapshot = snapshot or self._ledger.read_snapshot(order.user_id, order.related)
            earlier = self._earlier(order, snapshot)
            if earlier is not None and not earlier.retryable:
                return self._replayed(earlier, snapshot.wallet)
            prompt = self._catalog.prompt(order.prompt_key)
            price = self._catalog.quote(IMAGE_TO_VIDEO)
            check_address(order.image)
            device = self._users.digests(order.fingerprint)
            if not is_open(snapshot.wallet):
                snapshot = self._users.sign_up(order.principal, device, order.related)
                continue
            try:
                held = self._holds.take(order, device, price, earlier, snapshot)
            except StaleRead:
                snapshot = None
                continue
            self._metrics.count(Metric.HOLDS)
            return self._send(order, held, prompt.text)
        raise WalletBusy

    def get(self, user_id: str, job_id: str) -> Job:
        """Raises `JobNotFound`, for another user's job exactly as for one that does not exist."""
        if not is_id("job", job_id):
            raise JobNotFound
        return self._settlement.read(user_id, job_id)

    def wait_for(self, user_id: str, job_id: str, seconds: float) -> Job:
        """The job once it has ended, or as it stands after that many seconds; at once when too many
        wait already."""
        job = self.get(user_id, job_id)
        if seconds <= 0 or not job.is_open or not self._places.acquire(blocking=False):
            return job
        try:
            self._open_jobs.wait(user_id, job_id, seconds)
        finally:
            self._places.release()
        return self.get(user_id, job_id)

    def page(self, user_id: str, limit: int, token: str | None) -> JobPage:
        """The user's jobs, newest first. Raises `PageTokenInvalid`."""
        after = cursor.from_token(token, keys.JOB_PREFIX) if token else ""
        jobs, last = store.read_page(self._table, user_id, limit, after)
        return JobPage(jobs, cursor.to_token(last) if last else None)

    def handle_callback(
        self, token: str, headers: Mapping[str, str], body: bytes, allowed: Callable[[str], bool]
    ) -> None:
        """Takes a callback for the hint it is: when token and signature hold and it names a final
        status, looks for itself, if `allowed` says that this job has not just been looked at.
        Raises `CallbackRefused`."""
        words = self._token_cipher.open(token)
        if words is None or len(words) != 2:
            raise CallbackRefused
        hint = self._provider.read_callback(headers, body, self._clock.now())
        if hint is None:
            raise CallbackRefused
        user_id, job_id = words
        if hint.final and allowed(job_id):
            self._settlement.resolve(user_id, job_id)

    def _earlier(self, order: JobRequest, snapshot: Snapshot) -> Job | None:
        """The job that the order's key stands for already. Raises `IdempotencyKeyReused`."""
        use = store.key_use(snapshot.item(order.key)) if order.key else None
        if use is None:
            return None
        if use.body_hash != order.body_hash:
            raise IdempotencyKeyReused
        return self._settlement.read(order.user_id, use.job_id)

    def _replayed(self, job: Job, wallet: Wallet | None) -> Submission:
        refusal = job.refusal()
        if refusal is not None:
            raise refusal
        remaining = wallet.spendable(self._clock.now()) if wallet else 0
        return Submission(job, remaining, replayed=True)

    def _send(self, order: JobRequest, held: Held, prompt: str) -> Submission:
        """The single send, by the request that made the hold and no other, inside its window."""
        job = held.job
        if job.status is not JobStatus.SUBMITTING or job.task_id:
            return self._answered(job, held)
        until = min(held.send_until, self._clock.monotonic() + self._limits.create_seconds)
        request = VideoRequest(job.job_id, order.image, prompt, self._callback_url(job))
        return self._answered(self._noted(job, self._created(request, until)), held)

    def _answered(self, job: Job, held: Held) -> Submission:
        """The answer for the job as it is stored. Whatever is said after the hold names it."""
        refusal = job.refusal()
        if refusal is not None:
            raise refusal
        returned = job.price if job.status is JobStatus.FAILED else 0
        return Submission(job, held.remaining + returned)

    def _created(self, request: VideoRequest, until: float) -> Created:
        try:
            return self._provider.create(request, until)
        except Exception:
            log.exception("provider_create_broke", job_id=request.job_id)
            return Indeterminate()

    def _noted(self, job: Job, outcome: Created) -> Job:
        """The job as stored after that outcome; as it was held, when that cannot be noted now (the
        worker finds out)."""
        try:
            match outcome:
                case Rejected(reason):
                    return self._settlement.decline(job, FAILURE_OF_REJECTION[reason])
                case Accepted(task):
                    return self._settlement.record(job, task)
        except FareboxError as error:
            log.warning("outcome_not_noted", job_id=job.job_id, reason=error.code)
        except Exception:
            log.exception("outcome_not_noted", job_id=job.job_id)
        return job

    def _callback_url(self, job: Job) -> str | None:
        if not self._public_url:
            return None
        return f"{self._public_url}{CALLBACK_PATH}/{self._token_cipher.seal([job.user_id, job.job_id])}"
