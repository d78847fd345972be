"""What every route of paid work has in common: what else may refuse its request, whatever the work,
and what names its job.

In a file of its own because each kind of work declares its route itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from service.catalog.entities import PriceNotFound, PricesUnavailable
from service.core.errors import FareboxError
from service.entitlements.entities import SubscriptionRequired
from service.jobs.entities import Job, ProviderBusy, ProviderUnavailable
from service.jobs.house import HouseLimitReached
from service.ledger.entities import (
    AccountClosing,
    IdempotencyKeyReused,
    InsufficientCredits,
    OutcomeUnknown,
    TooManyWaiting,
    WalletBusy,
    WalletFrozen,
)
from service.ledger.limits import DailyLimitReached, LossLimitReached, TooManyOpenJobs
from service.sessions.ceilings import SessionCeilingReached, SessionEnded
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.users.entities import (
    DeviceAlreadyUsed,
    EmailAlreadyUsed,
    IdentityLinked,
    SystemLimitReached,
)
from service.web.idempotency_key import IDEMPOTENCY_HEADER, IdempotencyKeyMalformed

PAID_ERRORS: tuple[type[FareboxError], ...] = (
    PriceNotFound,
    PricesUnavailable,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    InsufficientCredits,
    SystemLimitReached,
    DeviceAlreadyUsed,
    EmailAlreadyUsed,
    IdentityLinked,
    WalletFrozen,
    AccountClosing,
    SubscriptionRequired,
    TooManyOpenJobs,
    DailyLimitReached,
    LossLimitReached,
    HouseLimitReached,
    SessionEnded,
    SessionCeilingReached,
    TooManyWaiting,
    WalletBusy,
    OutcomeUnknown,
    ProviderBusy,
    ProviderUnavailable,
    StorageUnavailable,
    DataKeyUnavailable,
    DataUnreadable,
)
QUOTE_ERRORS: tuple[type[FareboxError], ...] = (
    PriceNotFound,
    PricesUnavailable,
    InsufficientCredits,
    WalletFrozen,
    SubscriptionRequired,
    SessionEnded,
    WalletBusy,
    StorageUnavailable,
)
"""What may refuse to say what a request would hold."""
PAID_HEADERS: Mapping[str, str] = {
    IDEMPOTENCY_HEADER: "1 to 128 visible ASCII characters that name this request; use a UUID.",
    "Location": "The address of the job.",
    "Idempotency-Replayed": "`true` when the job is an earlier request's with the same key.",
}


@contextmanager
def naming(job: Job) -> Iterator[None]:
    """Whatever goes wrong once there is a job names it."""
    try:
        yield
    except FareboxError as error:
        error.details.setdefault("jobId", job.job_id)
        error.location = error.location or job.location
        raise


def paid_headers(job: Job, *, replayed: bool) -> dict[str, str]:
    """As `PAID_HEADERS` describes those of a response."""
    headers = {"Location": job.location}
    return headers | {"Idempotency-Replayed": "true"} if replayed else headers
