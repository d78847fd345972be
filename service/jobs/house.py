"""What the house spends in a UTC day on everybody's jobs, by leases.

A process takes a part of the day's budget by one conditional update, charges it when it holds
credits, and gets back what its own jobs return. Leased is never more than the budget, so neither is
held. Whatever a process has leased when it dies is lost for the day, and never there twice."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import structlog

from service.core.amounts import Amount, amount_of, credits_of
from service.core.clock import Clock
from service.core.days import DAY
from service.core.errors import Unavailable
from service.core.metrics import Metric, Metrics
from service.jobs import keys
from service.jobs.entities import Job
from service.ledger.limits import day_of
from service.storage.codec import Item, Value
from service.storage.table import (
    ConditionFailed,
    Conflicted,
    MaybeApplied,
    StorageUnavailable,
    Table,
)
from service.storage.writes import Update, When

log = structlog.get_logger()

MAX_TRIES = 20
# How long a process believes that the day's budget is used up, before it reads again.
REFUSE_SECONDS = 5.0
MAX_RETRY_AFTER_SECONDS = 900
# Charges whose jobs this process may still settle; of an older one nothing comes back.
MAX_NOTED = 10_000
# A lease is a hundredth of the budget, but at the end an eighth of what is left, so that many
# processes share the last of a day.
LEASES = 100
SHARES = 8
KEEP_DAYS = 40


class HouseLimitReached(Unavailable):
    """Nothing was written, and an idempotency key stays free."""

    code = "HOUSE_LIMIT_REACHED"
    summary = "The service has done as much paid work today as it may. Nothing was charged."
    retry_after = MAX_RETRY_AFTER_SECONDS


@dataclass(frozen=True)
class Charge:
    """A part of the budget of a day (days since 1970-01-01) that one hold may take."""

    day: int
    amount: Amount


@dataclass
class _Lease:
    """What this process still has of a day's budget. `leased` is what all processes have taken of
    it, as last known; None: nobody has, or that is not known."""

    left: Amount = 0
    leased: Amount | None = None
    refused_until: float = 0.0
    refused_from: Amount = 0


class HouseBudget:
    """The budget as one process sees it. Safe from any thread; while it takes a lease, others wait.
    A budget of 0 is none."""

    def __init__(self, table: Table, clock: Clock, metrics: Metrics, per_day: Amount) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._per_day = per_day
        self._guard = threading.Lock()
        self._leases: dict[int, _Lease] = {}
        self._noted: OrderedDict[str, Charge] = OrderedDict()

    @property
    def is_limited(self) -> bool:
        return self._per_day > 0

    def charge(self, amount: Amount, at: int) -> Charge | None:
        """A part of the budget for a hold at that time; None where there is no budget. Calls the
        table only when the lease is used up. Raises `HouseLimitReached` and
        `StorageUnavailable`."""
        if not self._per_day:
            return None
        with self._guard:
            lease = self._lease(day_of(at))
            if lease.left < amount:
                self._refill(lease, day_of(at), amount, at)
            lease.left -= amount
        return Charge(day_of(at), amount)

    def put_back(self, charge: Charge | None) -> None:
        """For a hold that was surely not written."""
        if charge is not None:
            with self._guard:
                self._returned(charge.day, charge.amount)

    def note(self, job_id: str, charge: Charge | None) -> None:
        """Remembers what that job's hold took, until `settled`."""
        if charge is None:
            return
        with self._guard:
            self._noted[job_id] = charge
            if len(self._noted) > MAX_NOTED:
                self._noted.popitem(last=False)

    def settled(self, job: Job) -> None:
        """Takes back what an ended job did not spend, if this process held it; again without
        effect."""
        if job.is_open:
            return
        with self._guard:
            charge = self._noted.pop(job.job_id, None)
            if charge is not None:
                self._returned(charge.day, min(charge.amount, job.returned))

    def close(self) -> None:
        """Returns what is left of the leases. A return whose response is lost is not tried again:
        twice would be more than was taken."""
        with self._guard:
            leases, self._leases = self._leases, {}
        for day, lease in leases.items():
            if lease.left:
                self._return(day, lease)

    def _lease(self, day: int) -> _Lease:
        """Those of days before yesterday are dropped: no clock is that far behind."""
        self._leases = {each: kept for each, kept in self._leases.items() if each >= day - 1}
        return self._leases.setdefault(day, _Lease())

    def _returned(self, day: int, amount: Amount) -> None:
        if day in self._leases:
            self._leases[day].left += amount

    def _refill(self, lease: _Lease, day: int, amount: Amount, at: int) -> None:
        if self._clock.monotonic() < lease.refused_until and amount >= lease.refused_from:
            raise self._refusal(at)
        if lease.leased is not None and self._missing(lease, amount):
            lease.leased = self._read(day)
        for _ in range(MAX_TRIES):
            if self._missing(lease, amount):
                lease.refused_until = self._clock.monotonic() + REFUSE_SECONDS
                lease.refused_from = amount
                raise self._refusal(at)
            if self._take(lease, day, amount):
                return
        raise Conflicted

    def _missing(self, lease: _Lease, amount: Amount) -> bool:
        """Whether the rest of the budget is too little."""
        return self._per_day - (lease.leased or 0) < amount - lease.left

    def _take(self, lease: _Lease, day: int, amount: Amount) -> bool:
        """One conditional update of the value that was read. Where its response is lost, the part
        may be leased: it counts as lost."""
        before = lease.leased
        size = self._lease_size(lease, amount)
        after = (before or 0) + size
        try:
            self._table.write(_lease_write(day, before, after, self._per_day))
        except ConditionFailed as refused:
            lease.leased = _leased(refused.item)
            return False
        except MaybeApplied:
            lease.leased = self._read(day)
            return False
        lease.leased, lease.left = after, lease.left + size
        self._metrics.gauge(Metric.HOUSE_BUDGET_USED, round(100 * after / self._per_day, 1))
        return True

    def _lease_size(self, lease: _Lease, amount: Amount) -> Amount:
        """With what is left, several times the amount: no part is too small to be charged."""
        rest = self._per_day - (lease.leased or 0)
        usual = min(self._per_day // LEASES, rest // SHARES)
        return min(rest, max(1, usual // amount) * amount - lease.left)

    def _return(self, day: int, lease: _Lease) -> None:
        leased = lease.leased
        for _ in range(MAX_TRIES):
            if leased is None or leased < lease.left:
                return
            try:
                after = leased - lease.left
                self._table.write(_lease_write(day, leased, after, None))
            except ConditionFailed as refused:
                leased = _leased(refused.item)
            except StorageUnavailable as error:
                log.warning("house_lease_not_returned", day=day, reason=error.code)
                return
            else:
                return

    def _read(self, day: int) -> Amount | None:
        return _leased(self._table.get(keys.house_leases(day)))

    def _refusal(self, at: int) -> HouseLimitReached:
        self._metrics.count(Metric.HOUSE_LIMIT_REFUSALS)
        self._metrics.gauge(Metric.HOUSE_BUDGET_USED, 100.0)
        seconds = -(-(DAY - at % DAY) // 1000)
        return HouseLimitReached(retry_after_seconds=min(seconds, MAX_RETRY_AFTER_SECONDS))


def _leased(item: Item | None) -> Amount | None:
    fields: Any = item
    return amount_of(fields["leased"]) if item else None


def _lease_write(day: int, before: Amount | None, after: Amount, budget: Amount | None) -> Update:
    """Over exactly what was read. `budget` is the one that a lease was taken of."""
    guard = None if before is None else credits_of(before)
    changes: dict[str, Value] = {"leased": credits_of(after)}
    if budget is not None:
        changes |= {
            "budget": credits_of(budget),
            "expiresAt": (day + KEEP_DAYS) * DAY // 1000,
        }
    return Update(keys.house_leases(day), When(equals={"leased": guard}), set=changes)
