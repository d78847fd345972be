"""What the house spends in a UTC day on everybody's jobs, by leases.

A process takes a part of the day's budget by one conditional update, charges it when it holds
credits, and gets back what its own jobs return. Leased is never more than the budget, so neither is
held. Whatever a process has leased when it dies is lost for the day, and never there twice."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from service.core.amounts import Amount, amount_of, credits_of
from service.core.clock import Clock
from service.core.days import DAY
from service.core.errors import Unavailable
from service.core.fifo_gate import FifoGate, WaitedTooLong
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
# How long a request waits for the lease that another request is taking.
REFILL_WAIT_SECONDS = 2.0
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
    """What one hold of that day (days since 1970-01-01) may take, and of which day's budget."""

    day: int
    amount: Amount
    budget_day: int


@dataclass(frozen=True)
class _Attempt:
    """A lease of `size` over `before`, whose write carries the random `by`."""

    by: str
    before: Amount | None
    size: Amount


@dataclass
class _Lease:
    """What this process still has of a day's budget. `leased` is what all processes have taken of
    it, as last known; None: no one has, or that is not known. `pending` was sent, and its outcome
    is not known."""

    left: Amount = 0
    leased: Amount | None = None
    pending: _Attempt | None = None
    refused_until: float = 0.0
    refused_from: Amount = 0


class HouseBudget:
    """The budget as one process sees it. Safe from any thread. One request at a time takes a lease;
    others wait a bounded time for it, and none that needs no lease waits for the table. A budget of
    0 is none."""

    def __init__(self, table: Table, clock: Clock, metrics: Metrics, per_day: Amount) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._per_day = per_day
        # Guards the numbers, never across a call: who waits for it may have a hold to send.
        self._guard = threading.Lock()
        self._refills = FifoGate(1)
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
        budget_at = self._budget_at(at)
        charge = Charge(day_of(at), amount, day_of(budget_at))
        lease = self._lease(charge.budget_day)
        if self._missing_after_spending(lease, amount):
            with self._refilling():
                self._refill(lease, charge.budget_day, amount, budget_at)
        return charge

    def put_back(self, charge: Charge | None) -> None:
        """For a hold that was surely not written."""
        if charge is not None:
            with self._guard:
                self._returned(charge.budget_day, charge.amount)

    def note(self, job_id: str, charge: Charge | None) -> None:
        """Remembers what that job's hold took, until `settled`."""
        if charge is None:
            return
        with self._guard:
            self._noted[job_id] = charge
            if len(self._noted) > MAX_NOTED:
                self._noted.popitem(last=False)

    def add(self, job_id: str, charge: Charge | None) -> None:
        """As `note`, for what a job takes beyond its hold. What it took on earlier days is not
        returned."""
        if charge is None:
            return
        with self._guard:
            before = self._noted.get(job_id)
        if before is not None and before.budget_day == charge.budget_day:
            charge = Charge(charge.day, before.amount + charge.amount, charge.budget_day)
        self.note(job_id, charge)

    def settled(self, job: Job) -> None:
        """Takes back what an ended job did not spend, if this process held it; again without
        effect."""
        if job.is_open:
            return
        with self._guard:
            charge = self._noted.pop(job.job_id, None)
            if charge is not None:
                self._returned(charge.budget_day, min(charge.amount, job.returned))

    def close(self) -> None:
        """Returns what is left of the leases. A return whose response is lost is not tried again:
        twice would be more than was taken."""
        with self._guard:
            leases, self._leases = self._leases, {}
        for day, lease in leases.items():
            if lease.left:
                self._return(day, lease)

    def _budget_at(self, at: int) -> int:
        """The time whose day pays for a hold at `at`: that one, or now. A wallet's time may be a
        little ahead of this clock or behind; one further off has no budget of its own, or it would
        be spent on top of today's."""
        now = self._clock.now()
        return at if abs(day_of(at) - day_of(now)) <= 1 else now

    def _lease(self, day: int) -> _Lease:
        """Those of days before yesterday are dropped, by this process's own clock."""
        oldest = day_of(self._clock.now()) - 1
        with self._guard:
            self._leases = {each: kept for each, kept in self._leases.items() if each >= oldest}
            return self._leases.setdefault(day, _Lease())

    @contextmanager
    def _refilling(self) -> Iterator[None]:
        try:
            self._refills.enter(REFILL_WAIT_SECONDS)
        except WaitedTooLong as error:
            raise StorageUnavailable from error
        try:
            yield
        finally:
            self._refills.leave()

    def _missing_after_spending(self, lease: _Lease, amount: Amount) -> Amount:
        """Spends the amount of the lease and returns 0, or returns how much it lacks."""
        with self._guard:
            missing = max(0, amount - lease.left)
            if not missing:
                lease.left -= amount
            return missing

    def _returned(self, day: int, amount: Amount) -> None:
        if day in self._leases:
            self._leases[day].left += amount

    def _refill(self, lease: _Lease, day: int, amount: Amount, at: int) -> None:
        """Takes leases until the amount is spent of one. At most one write's outcome stays unknown:
        nothing further is leased before a read has settled it."""
        if lease.pending is not None:
            self._claimed(lease, self._item(day))
        for number in range(MAX_TRIES):
            missing = self._missing_after_spending(lease, amount)
            if not missing:
                return
            self._refuse_beyond_budget(lease, day, amount, missing, at, reread=number == 0)
            self._take(lease, day, amount, missing)
        raise Conflicted

    def _refuse_beyond_budget(
        self, lease: _Lease, day: int, amount: Amount, missing: Amount, at: int, *, reread: bool
    ) -> None:
        if self._clock.monotonic() < lease.refused_until and amount >= lease.refused_from:
            raise self._refusal(at)
        if reread and lease.leased is not None and self._rest(lease) < missing:
            lease.leased = _leased(self._item(day))
        if self._rest(lease) < missing:
            lease.refused_until = self._clock.monotonic() + REFUSE_SECONDS
            lease.refused_from = amount
            raise self._refusal(at)

    def _rest(self, lease: _Lease) -> Amount:
        return self._per_day - (lease.leased or 0)

    def _take(self, lease: _Lease, day: int, amount: Amount, missing: Amount) -> None:
        """One conditional update of the value that was read. A pending one is sent again exactly as
        it was: only one of the two can succeed. Raises `StorageUnavailable` where the response is
        lost and the item does not show the lease."""
        attempt = lease.pending or self._attempt(lease, amount, missing)
        lease.pending = attempt
        try:
            self._table.write(_take_write(day, attempt, self._per_day))
        except ConditionFailed as refused:
            self._claimed(lease, refused.item)
        except MaybeApplied as error:
            if not self._claimed(lease, self._item(day)):
                raise StorageUnavailable from error
        else:
            self._claim(lease, attempt, (attempt.before or 0) + attempt.size)

    def _attempt(self, lease: _Lease, amount: Amount, missing: Amount) -> _Attempt:
        """With what is left, several times the amount: no part is too small to be charged."""
        rest = self._rest(lease)
        usual = min(self._per_day // LEASES, rest // SHARES)
        size = min(rest, (max(1, usual // amount) - 1) * amount + missing)
        return _Attempt(uuid4().hex, lease.leased, size)

    def _claimed(self, lease: _Lease, item: Item | None) -> bool:
        """Whether the item shows the pending lease, which then is this process's own. If another
        was taken meanwhile, it counts as lost."""
        attempt, lease.leased = lease.pending, _leased(item)
        if attempt is not None and item is not None and item.get("by") == attempt.by:
            self._claim(lease, attempt, lease.leased or 0)
            return True
        if attempt is not None and attempt.before != lease.leased:
            lease.pending = None
        return False

    def _claim(self, lease: _Lease, attempt: _Attempt, leased: Amount) -> None:
        with self._guard:
            lease.left += attempt.size
            lease.leased, lease.pending = leased, None
        self._metrics.gauge(Metric.HOUSE_BUDGET_USED, round(100 * leased / self._per_day, 1))

    def _return(self, day: int, lease: _Lease) -> None:
        leased = lease.leased
        for _ in range(MAX_TRIES):
            if leased is None or leased < lease.left:
                return
            try:
                after = leased - lease.left
                self._table.write(_lease_write(day, leased, after, {}))
            except ConditionFailed as refused:
                leased = _leased(refused.item)
            except StorageUnavailable as error:
                log.warning("house_lease_not_returned", day=day, reason=error.code)
                return
            else:
                return

    def _item(self, day: int) -> Item | None:
        return self._table.get(keys.house_leases(day))

    def _refusal(self, at: int) -> HouseLimitReached:
        self._metrics.count(Metric.HOUSE_LIMIT_REFUSALS)
        self._metrics.gauge(Metric.HOUSE_BUDGET_USED, 100.0)
        seconds = -(-(DAY - at % DAY) // 1000)
        return HouseLimitReached(retry_after_seconds=min(seconds, MAX_RETRY_AFTER_SECONDS))


def _leased(item: Item | None) -> Amount | None:
    fields: Any = item
    return amount_of(fields["leased"]) if item else None


def _take_write(day: int, attempt: _Attempt, budget: Amount) -> Update:
    details: dict[str, Value] = {
        "by": attempt.by,
        "budget": credits_of(budget),
        "expiresAt": (day + KEEP_DAYS) * DAY // 1000,
    }
    return _lease_write(day, attempt.before, (attempt.before or 0) + attempt.size, details)


def _lease_write(
    day: int, before: Amount | None, after: Amount, details: Mapping[str, Value]
) -> Update:
    """Over exactly what was read."""
    guard = None if before is None else credits_of(before)
    return Update(
        keys.house_leases(day),
        When(equals={"leased": guard}),
        set={"leased": credits_of(after), **details},
    )
