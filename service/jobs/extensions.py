"""Extending what an open job holds while its work goes on: the credits that were held are the lease
of its session.

In a file of its own because only sessions grow; every other hold is taken once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from service.core.amounts import Amount, credits_of
from service.core.clock import Clock
from service.entitlements.operations import Entitlements, Permission
from service.jobs import keys, store
from service.jobs.entities import Job, JobDamaged
from service.jobs.holds import limits_in
from service.jobs.house import HouseBudget
from service.ledger.entities import (
    EntryKind,
    InsufficientCredits,
    Movement,
    OutcomeUnknown,
    StaleRead,
    Wallet,
)
from service.ledger.limits import UserLimits, check_day, check_loss, spent_on, with_later_end
from service.ledger.lots import joined, pack_allocation
from service.ledger.movements import hold, too_few
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.sessions import ceilings
from service.sessions.ceilings import Ceiling
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.writes import Update, When

MAX_ROUNDS = 3
# A job's item stays small: beyond this many portions of lots nothing more is added.
MAX_PORTIONS = 16


@dataclass(frozen=True)
class Extension:
    """So many credits more, for so many milliseconds."""

    amount: Amount
    milliseconds: int


Fit = Callable[[Amount], Extension]
"""The extension that so many credits afford. Raises `InsufficientCredits` where that is none."""


class Extensions:
    """Extends holds, each by the one process that owns the job."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        house: HouseBudget,
        limits: UserLimits,
        entitlements: Entitlements,
        mac_key: bytes,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._house = house
        self._limits = limits
        self._entitlements = entitlements
        self._mac_key = mac_key

    def extend(self, job: Job, fit: Fit) -> Job:
        """Holds more for a job that is exactly as it was read, by what its user can spend now.
        Returns the job as stored; what it holds counts from then on.

        Raises `InsufficientCredits` for less than is useful, `DailyLimitReached` or
        `SessionCeilingReached` where only the limit of the day or the session's ceiling leaves
        less, `LossLimitReached`, `SubscriptionRequired`, what `hold` raises, `SessionEnded`,
        `HouseLimitReached`, `JobDamaged`, `StaleRead` for a job that has ended or was extended
        elsewhere, and what `Ledger.move` raises. After `OutcomeUnknown` the stored job says whether
        it was extended."""
        if not store.is_sealed(job, self._mac_key):
            raise JobDamaged
        for _ in range(MAX_ROUNDS - 1):
            try:
                return self._extended(job, fit)
            except InsufficientCredits:
                # It was chosen by a wallet that has moved since, or there is too little indeed:
                # then the next round says so from a fresh read.
                continue
        return self._extended(job, fit)

    def _extended(self, job: Job, fit: Fit) -> Job:
        permission = self._entitlements.permission(job.operation, job.payer)
        terms = ExtensionTerms(job, None, self._limits, permission, self._mac_key)
        snapshot = self._ledger.read_snapshot(job.payer, terms.keys)
        now = self._clock.now()
        terms = terms.fitted(fit, snapshot, now)
        charge = self._house.charge(terms.amount, now)
        try:
            moved = self._ledger.move(
                job.payer,
                terms.propose,
                terms.was_committed,
                related=terms.keys,
                snapshot=snapshot,
            )
        except OutcomeUnknown:
            self._house.add(job.job_id, charge)
            raise
        except Exception:
            self._house.put_back(charge)
            raise
        self._house.add(job.job_id, charge)
        return terms.after(moved.movement) if moved.movement else terms.stored(moved.snapshot)


@dataclass(frozen=True)
class ExtensionTerms:
    """Everything one extension is decided from, besides wallet and table. Pure. `limits` are those
    of every user, `permission` is what the operation needs (None: it is for everyone)."""

    job: Job
    extension: Extension | None
    limits: UserLimits
    permission: Permission | None
    mac_key: bytes = field(repr=False)

    @property
    def amount(self) -> Amount:
        return self.extension.amount if self.extension else 0

    @property
    def keys(self) -> tuple[Key, ...]:
        """What is read together with the wallet."""
        permission = (self.permission.key,) if self.permission else ()
        return (self._job_key, *self._ceiling_keys, *permission)

    @property
    def _job_key(self) -> Key:
        return keys.job(self.job.payer, self.job.job_id)

    @property
    def _ceiling_keys(self) -> tuple[Key, ...]:
        if not self.job.session_id:
            return ()
        return (ceilings.key_of_session(self.job.payer, self.job.session_id),)

    def affordable(self, snapshot: Snapshot, now: int) -> Amount:
        """The most that could be added. Raises `StaleRead`, `SessionEnded`,
        `SubscriptionRequired`, `LossLimitReached`."""
        limits = limits_in(snapshot, self.permission, self.limits)
        owned = self._owned(snapshot, now)
        wallet = self._wallet(snapshot)
        check_loss(wallet, max(now, wallet.updated_at), limits)
        if not limits.max_credits_per_day:
            return owned
        spent = spent_on(wallet, max(now, wallet.updated_at))
        return min(owned, max(0, limits.max_credits_per_day - spent))

    def fitted(self, fit: Fit, snapshot: Snapshot, now: int) -> "ExtensionTerms":
        """With the extension that is affordable. Raises what `affordable` and `fit` raise, and
        `DailyLimitReached` or `SessionCeilingReached` where it is the day's limit or the session's
        ceiling alone that leaves too little."""
        try:
            return replace(self, extension=fit(self.affordable(snapshot, now)))
        except InsufficientCredits:
            wallet = self._wallet(snapshot)
            wanted = self._fitted_by_ceiling(fit, snapshot, now)
            limits = limits_in(snapshot, self.permission, self.limits)
            check_day(wallet, wanted.amount, max(now, wallet.updated_at), limits)
            raise

    def _fitted_by_ceiling(self, fit: Fit, snapshot: Snapshot, now: int) -> Extension:
        """Whatever the day's limit is. Raises `SessionCeilingReached` where the wallet has enough,
        and what `fit` raises."""
        try:
            return fit(self._owned(snapshot, now))
        except InsufficientCredits:
            wanted = fit(self._spendable(snapshot, now))
            for each in self._ceilings(snapshot):
                ceilings.with_held(each, wanted.amount)
            raise

    def _owned(self, snapshot: Snapshot, now: int) -> Amount:
        """What wallet and ceiling leave, whatever the day's limit is."""
        spendable = self._spendable(snapshot, now)
        return min([spendable, *(each.left for each in self._ceilings(snapshot))])

    def _spendable(self, snapshot: Snapshot, now: int) -> Amount:
        wallet = self._wallet(snapshot)
        return wallet.spendable(max(now, wallet.updated_at), self.job.operation)

    def _ceilings(self, snapshot: Snapshot) -> list[Ceiling]:
        """That of the job's session, if it has one. Raises `SessionEnded`."""
        return [ceilings.bound_by(snapshot.item(key), self.mac_key) for key in self._ceiling_keys]

    def propose(self, snapshot: Snapshot, now: int) -> Proposal:
        wallet, job = self._wallet(snapshot), self.job
        if self.amount > self.affordable(snapshot, now):
            raise too_few(self.amount, self.affordable(snapshot, now))
        movement = hold(
            wallet,
            self.amount,
            job.job_id,
            now,
            details=job.entry_details,
            kind=EntryKind.EXTEND,
        )
        extended = self.after(movement)
        if len(extended.allocation) > MAX_PORTIONS:
            raise too_few(self.amount, 0)
        at = movement.entries[-1].at
        counted = with_later_end(movement.wallet, job.operation, job.hard_at, extended.hard_at, at)
        writes = [ConditionalWrite(_write(job, extended), StaleRead("it has changed"))]
        writes += self._ceiling_writes(snapshot)
        return Proposal(replace(movement, wallet=counted), writes)

    def after(self, movement: Movement) -> Job:
        """The job that this movement extends, sealed."""
        entry, job = movement.entries[-1], self.job
        milliseconds = self.extension.milliseconds if self.extension else 0
        end = job.hard_at + milliseconds
        extended = replace(
            job,
            held=job.held + entry.amount,
            allocation=joined(job.allocation, entry.allocation),
            extended_at=entry.at,
            submit_until=end,
            hard_at=end,
            due_at=end,
        )
        return store.sealed(extended, self.mac_key)

    def was_committed(self, snapshot: Snapshot) -> bool:
        """Only its one owner extends a job, to an end of its own."""
        item = snapshot.item(self._job_key)
        milliseconds = self.extension.milliseconds if self.extension else 0
        return item is not None and item.get("hardAt") == self.job.hard_at + milliseconds

    def stored(self, snapshot: Snapshot) -> Job:
        """The job as an earlier attempt of this extension stored it."""
        item = snapshot.item(self._job_key)
        if item is None:
            raise LookupError("an extension that stands has been stored")
        return store.job_from(item)

    def _wallet(self, snapshot: Snapshot) -> Wallet:
        item = snapshot.item(self._job_key)
        if snapshot.wallet is None or item is None or not store.is_as_read(item, self.job):
            raise StaleRead("the job has changed")
        if not self.job.is_open:
            raise StaleRead("the job has ended")
        return snapshot.wallet

    def _ceiling_writes(self, snapshot: Snapshot) -> list[ConditionalWrite]:
        """What is added counts against the session's ceiling as what was held at first."""
        return [
            ConditionalWrite(ceilings.used_write(each, ceilings.with_held(each, self.amount)))
            for each in self._ceilings(snapshot)
        ]


def _write(job: Job, extended: Job) -> Update:
    """More credits and a later end, of exactly the job that was read."""
    as_read = {"status": job.status, "taskId": job.task_id, "hardAt": job.hard_at}
    change: Item = {
        "held": credits_of(extended.held),
        "allocation": pack_allocation(extended.allocation),
        "extendedAt": extended.extended_at,
        "submitUntil": extended.submit_until,
        "hardAt": extended.hard_at,
        **keys.DUE_JOBS.index(job.job_id, extended.hard_at),
        "mac": extended.mac,
    }
    return Update(keys.job(job.payer, job.job_id), When(equals=as_read), set=change)
