"""The interface between `jobs` and a kind of work, and the registry of all kinds on offer.

In a file of its own because it is what other features implement."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from service.catalog.pricing import Flat, Price, Usage, terms_from
from service.core.amounts import Amount
from service.core.errors import FareboxError, NotFound
from service.core.principal import Principal
from service.jobs.entities import Job, ProviderCost
from service.ledger.entities import InsufficientCredits
from service.providers.base import (
    CallbackEvent,
    Created,
    RejectionReason,
    Task,
    TaskLookup,
)
from service.sessions.ceilings import Ceiling, with_held
from service.storage.codec import Value

Facts = Mapping[str, Value]
"""Bounded facts in the form in which an item keeps them."""

# In the result of what is sold as a length of time: its job's hard limit, which its end removes.
LIVE_UNTIL = "liveUntil"


class OperationNotFound(NotFound):
    code = "OPERATION_NOT_FOUND"
    summary = "There is no such operation."
    details_example: ClassVar[Mapping[str, object]] = {"knownOperations": ["kling:image2video"]}
    advice = "Operations are named `provider:operation`, as `operation` in a job."


@dataclass(frozen=True)
class Estimate:
    """The most that a request can cost, and the price that says so: its version, and its terms if
    they are not one flat amount, which is then what is held."""

    amount: Amount
    price_version: str
    price_terms: str = ""


@dataclass(frozen=True)
class Quote:
    """The most that a request can cost, what its user can spend, and whether that is enough to
    submit it. `ceiling` is that of the session, if it has one; `registered`: the user has an
    account already; `excluded_until`: what they have in flight keeps it from being submitted until
    then (epoch milliseconds)."""

    operation: str
    estimate: Estimate
    spendable: Amount
    is_sufficient: bool
    registered: bool
    ceiling: Ceiling | None = None
    excluded_until: int | None = None

    @property
    def available(self) -> Amount:
        """What the user can spend in this session."""
        return min(self.spendable, self.ceiling.left) if self.ceiling else self.spendable

    @property
    def affordable(self) -> Amount:
        """How much of the cost the balance covers."""
        return min(self.estimate.amount, self.available)


@dataclass(frozen=True)
class Charge:
    """What delivered work costs, by what was used. More than the job holds is never charged."""

    amount: Amount
    usage: Mapping[str, int] = field(default_factory=dict)
    provider_cost: ProviderCost | None = None


class NotKept(Exception):
    """What a task delivered cannot be stored now, and the job is not to end before it is. `seconds`
    says when to try again (None: as any look at the provider is repeated)."""

    def __init__(self, reason: str, seconds: int | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class NotDelivered(Exception):
    """What a task delivered is not there, for certain and for good: it is no delivery, whatever its
    provider says and bills."""


@dataclass(frozen=True)
class FailureText:
    """What a failure means to a client: the sentence, and for what was refused before the work
    began the error of the request."""

    message: str
    error: type[FareboxError] | None = None


def estimate_by(price: Price, limits: Usage) -> Estimate:
    """The most that usage within these limits can cost at that price. Raises `UsageNotCounted`."""
    terms = "" if isinstance(price.terms, Flat) else price.terms.text
    return Estimate(price.terms.bound(limits), price.version, terms)


def price_of(job: Job) -> Price:
    """The price that the job was quoted, whatever has replaced it since. Raises `ValueError` for
    terms that no price has."""
    terms = terms_from(job.price_terms) if job.price_terms else Flat(job.held)
    return Price(job.operation, terms)


@dataclass(frozen=True)
class RequestForm:
    """The body of a kind's paid route. `schema` is the marshmallow schema that loads it, and `read`
    makes the kind's own request of what was loaded, in the name of who sent it; what it raises are
    `errors`. `example` is a valid body."""

    schema: type[Any]
    read: Callable[[Principal, Mapping[str, Any]], Any]
    errors: tuple[type[FareboxError], ...]
    example: Mapping[str, Any]
    max_body_bytes: int


class Work(Protocol):
    """One kind of work, whoever does it and however long it takes.

    `body` is the kind's own request: `jobs` passes it on and never looks inside. Whatever
    `validate` and `estimate` raise is a refusal, and nothing is written. `schema` is the
    marshmallow schema of the job as `render` completes it."""

    operation: str
    form: RequestForm
    schema: type[Any]
    failures: Mapping[str, FailureText]

    def validate(self, body: Any) -> None:
        """Checks what depends on configuration. Called after the look at the idempotency key, so
        that a repeated request still gets its job when the configuration has changed."""
        ...

    def estimate(self, body: Any) -> Estimate:
        """The most that the request can cost. That bound is imposed on the provider."""
        ...

    def payload(self, body: Any) -> Facts:
        """What the job keeps of the request, at most `MAX_PAYLOAD_BYTES`."""
        ...

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        """For the audit: a sentence for each thing in a stored payload that `payload` never
        writes."""
        ...

    def result_faults(self, result: Facts) -> Iterable[str]:
        """The same for a stored result."""
        ...

    def render(self, job: Job) -> Mapping[str, object]:
        """The kind's own fields of the job as JSON."""
        ...


class AsynchronousWork(Work, Protocol):
    """Work that a provider takes on and reports later."""

    provider: str
    submit_seconds: float

    def submit(self, job: Job, body: Any, callback_url: str | None, until: float) -> Created:
        """Sends the request once, or again after proof that it was not taken. Ends by the monotonic
        time `until`."""
        ...

    def fetch_task(self, job: Job) -> TaskLookup:
        """The job's task as the provider has it now."""
        ...

    def judge(self, task: Task) -> Facts | None:
        """The result that a finished task delivers, at most `MAX_RESULT_BYTES`; None when it is
        none that a user can be charged for."""
        ...

    def is_kept_slowly(self, job: Job) -> bool:
        """Whether `keep` may take longer than a request should wait: then the worker alone calls
        it, and everyone else has it look at the job at once."""
        ...

    def keep(self, job: Job, task: Task, result: Facts) -> Facts:
        """Stores what the delivered task brought beyond that result, and returns the result as the
        job is to keep it. Called before the job is settled by it, again each time that this has
        failed, and at once in several processes. While it raises, the job stays open: after
        `NotKept` it is tried again in time, what raises `StorageUnavailable` passes by itself;
        `NotDelivered` ends it uncharged."""
        ...

    def charge(self, job: Job, task: Task) -> Charge:
        """What the delivered task really cost, by what the vendor reports. Whatever it raises is a
        vendor fault, and `charge_by_own_count` decides."""
        ...

    def charge_by_own_count(self, job: Job, task: Task) -> Charge:
        """What the delivered task cost by our own count: believes no number of the vendor's."""
        ...

    def failure_of(self, reason: RejectionReason) -> str:
        """The failure that a definite rejection is, by a refused request or by a failed task."""
        ...

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        """What a callback of the provider says, None when it is not to be trusted even as a
        hint."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What one call came to, stored by its owner before the job is settled by it.

    `charge` is what was delivered: charged, unless there is a `failure`, which makes it a loss of
    the house. `result` is what the job keeps of it, at most `MAX_RESULT_BYTES`; None, only with a
    failure: nothing was delivered. `alarm` names a vendor fault."""

    charge: Charge
    result: Facts | None
    failure: str | None = None
    alarm: str = ""


class Call(Work, Protocol):
    """Work that is one call to a provider: whoever made the hold makes it, once, and reads it to
    its end; nothing more can come of it afterwards.

    `limit_seconds` bounds the call and what comes before it; after that and `grace_seconds` more,
    anybody may settle the job by what is stored. `is_cancellable` is whether closing the connection
    ends what is billed."""

    provider: str
    limit_seconds: float
    grace_seconds: float
    is_cancellable: bool

    def fitted(self, body: Any, affordable: Amount) -> Any:
        """The request, with what it leaves open chosen so that it costs no more than that. Raises
        `InsufficientCredits` where even the least that is useful costs more."""
        ...

    def verdict(self, job: Job) -> Verdict | None:
        """What the call came to, as it is stored; None where nothing is."""
        ...

    def content(self, job: Job) -> Mapping[str, object]:
        """The kind's fields of the job as JSON that are stored apart from it."""
        ...


class Session(Call, Protocol):
    """A call that goes on for as long as credits are held for it: what is held at first is extended
    by its owner. `limit_seconds` bounds all of it together."""

    def lease_seconds(self, body: Any) -> float:
        """How long what is held for the request at first lasts."""
        ...


AnyWork = AsynchronousWork | Call


def fitted_within(call: Call, body: Any, spendable: Amount, ceiling: Ceiling | None) -> Any:
    """The request as `Call.fitted` makes it of what its user can spend and the ceiling of the
    session leaves. Raises `SessionCeilingReached` where only the ceiling leaves too little, and
    what `Call.fitted` raises."""
    if ceiling is None or spendable <= ceiling.left:
        return call.fitted(body, spendable)
    try:
        return call.fitted(body, ceiling.left)
    except InsufficientCredits:
        with_held(ceiling, call.estimate(call.fitted(body, spendable)).amount)
        raise


class Operations:
    """Every kind of work that this process offers, by its operation. Filled while the process is
    put together, and only read afterwards."""

    def __init__(self, *works: AsynchronousWork) -> None:
        self._works: dict[str, AsynchronousWork] = {}
        self._calls: dict[str, Call] = {}
        self._sessions: dict[str, Session] = {}
        for work in works:
            self.register(work)

    def __iter__(self) -> Iterator[AnyWork]:
        return iter((*self._works.values(), *self._calls.values()))

    def register(self, work: AsynchronousWork) -> None:
        """Raises `ValueError` for an operation that is registered already."""
        self._require_new(work.operation)
        self._works[work.operation] = work

    def register_call(self, call: Call) -> None:
        """As `register`, for work that is one call."""
        self._require_new(call.operation)
        self._calls[call.operation] = call

    def register_session(self, session: Session) -> None:
        """As `register_call`, for a call that is extended."""
        self.register_call(session)
        self._sessions[session.operation] = session

    def work(self, operation: str) -> AsynchronousWork:
        """Raises `LookupError` for an operation that is not offered: a job of a release that knew
        more than this one."""
        return self._works[operation]

    def call(self, operation: str) -> Call | None:
        """As `offered`, for work that is one call."""
        return self._calls.get(operation)

    def limit_seconds(self, call: Call, body: object) -> float:
        """How long a call may take by what is held for that request at first."""
        session = self._sessions.get(call.operation)
        return call.limit_seconds if session is None else session.lease_seconds(body)

    def known(self, operation: str) -> AnyWork:
        """The work of a name that a client sent. Raises `OperationNotFound`."""
        work = self.offered(operation)
        if work is None:
            known = sorted({*self._works, *self._calls})
            raise OperationNotFound(details={"knownOperations": known})
        return work

    def offered(self, operation: str) -> AnyWork | None:
        """The work of an operation, None for one that is not offered."""
        return self._works.get(operation) or self._calls.get(operation)

    def of_provider(self, name: str) -> AsynchronousWork | None:
        """Some work of that provider: enough to read its callbacks."""
        return next((work for work in self._works.values() if work.provider == name), None)

    def providers(self) -> tuple[str, ...]:
        """Those that call back."""
        return tuple(dict.fromkeys(work.provider for work in self._works.values()))

    def only(self) -> str | None:
        """The operation, if there is just one: what a job must have been whose item is lost."""
        known = [each.operation for each in self]
        return known[0] if len(known) == 1 else None

    def render(self, job: Job) -> Mapping[str, object]:
        """The job's own fields as its kind shows them; none for a kind that is not offered."""
        work = self.offered(job.operation)
        return work.render(job) if work else {}

    def content(self, job: Job) -> Mapping[str, object]:
        """The job's own fields that are stored apart from it. Raises what its kind of work
        raises."""
        call = self.call(job.operation)
        return call.content(job) if call else {}

    def message(self, job: Job) -> str:
        """The sentence for a failed job's owner. A job of an operation that is not offered any more
        has only its code."""
        text = self._failure_text(job)
        return text.message if text else (job.failure or "")

    def refusal(self, job: Job) -> FareboxError | None:
        """What a POST returns for a job that was turned down before it began, or whose call broke
        off; None for every other job, one that the provider took and rejected later among them."""
        text = self._failure_text(job) if job.task_id is None else None
        if text is None or text.error is None:
            return None
        return text.error(details={"jobId": job.job_id}, location=job.location)

    def _failure_text(self, job: Job) -> FailureText | None:
        work = self.offered(job.operation)
        return work.failures.get(job.failure or "") if work else None

    def _require_new(self, operation: str) -> None:
        if self.offered(operation) is not None:
            raise ValueError(f"{operation} is registered twice")
