"""One metered request for AI work: what it is and what may be refused. How it goes on is in
`state_machine`. Knows no kind of work.

Times are epoch milliseconds."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import Amount
from service.core.errors import Conflict, InvalidRequest, NotFound, RateLimited, Unavailable
from service.core.principal import Principal
from service.ledger.details import OPERATION, REQUEST_ID, Details
from service.ledger.entities import EXAMPLE_JOB, WalletFrozen
from service.ledger.lots import Allocation
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
    INTERRUPTED = "INTERRUPTED"
    CANCELLED = "CANCELLED"


RETRYABLE = (Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE)


class ReleaseNotAllowed(Conflict):
    """A job that has ended, or whose time has not run out. Nothing was written."""

    code = "RELEASE_NOT_ALLOWED"
    summary = "This job has ended, or may still settle by itself. Nothing was changed."
    advice = "For operators: a job is released by hand only past its hard limit."


class JobNotFound(NotFound):
    code = "JOB_NOT_FOUND"
    summary = "There is no such job."


class ContentRejected(InvalidRequest):
    code = "CONTENT_REJECTED"
    summary = "The provider's content policy does not allow this request. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


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


class CallbackDeferred(Unavailable):
    """A callback that is ours and cannot be dealt with now. Never a 4xx: some vendors do not repeat
    a callback after one, and the job would wait for the next look of the worker."""

    code = "CALLBACK_DEFERRED"
    summary = "This callback cannot be dealt with right now; send it again."
    retry_after = 5


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

    @property
    def packed(self) -> str:
        """Both hashes in 64 characters."""
        return base64.urlsafe_b64encode(bytes.fromhex(self.digest + self.body_hash)).decode()

    @classmethod
    def unpacked(cls, text: str) -> "BoundKey":
        """Raises `ValueError` for what `packed` never returned."""
        both = base64.b64decode(text, altchars=b"-_", validate=True).hex()
        return cls(both[:64], both[64:])


@dataclass(frozen=True)
class JobRequest:
    """A request for one job. `body` is the kind's own request; `body_facts` is everything requested
    but the device, and must be the same for the same idempotency key. `actor` is who requests;
    `request_id` is the id of the HTTP request ("": none), `fingerprint` that of the device ("":
    unknown).

    Without an idempotency key, a request that is remembered for `remembered_seconds` (0: it is not)
    leads its retries to its job until then; `is_retry` says that it is one."""

    actor: Principal
    operation: str
    route: str
    fingerprint: str
    body: object
    body_facts: tuple[str, ...]
    idempotency_key: str | None = None
    request_id: str = ""
    remembered_seconds: float = 0.0
    is_retry: bool = False

    @property
    def payer(self) -> str:
        """The user whose wallet pays: today the one who requests."""
        return self.actor.subject

    @property
    def bound_session(self) -> str:
        """The session whose ceiling the request counts against ("": none)."""
        bound = self.actor.minted
        return (self.actor.session_id or "") if bound and bound.has_ceiling else ""

    @property
    def body_hash(self) -> str:
        facts = json.dumps([self.actor.subject, *self.body_facts], separators=(",", ":"))
        return hashlib.sha256(facts.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Job:
    """One job. It lies with the user who pays for it, and names the one who requested it.

    `held` credits were taken from the lots in `allocation`, an upper bound, to which credits were
    last added at `extended_at` (None: never); `captured` were really charged; its end left the
    balance `balance_after` (None: not known). `price_terms` are those of the price that was quoted
    (empty: what is held). `request_id` is that of the HTTP request that
    made it ("": none is known), `session_id` that of the minted session whose ceiling it counts
    against ("": none). `payload` is what the kind of work keeps of the request, `result`
    what it delivered, `facts` is the provider's own data; an erasure (at `erased_at`) empties these
    three. `due_at` is the time of the next look at the provider (None: none), `watch_until` the end
    of watching an unresolved job. `house_loss` credits were not charged for work delivered after
    the release (None: none). An open job on a new device has its digests in `device`; one that
    its user wants to end says so in `cancel_requested_at`. `mac` is its seal."""

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
    session_id: str = ""
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
    cancel_requested_at: int | None = None
    extended_at: int | None = None
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
    def held_at(self) -> int:
        """When credits were last set aside for it."""
        return self.created_at if self.extended_at is None else self.extended_at

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

    def of_call(self, seconds: float) -> "Times":
        """Those of a job whose call ends within so many seconds: until then only its owner may
        settle it."""
        return replace(self, submit=round(seconds * 1000), hard_limit=round(seconds * 1000))
