"""What the worker does with one part of a bulk grant: grants to one user after the other, each in
one transaction with the part's progress.

In a file of its own because only the worker does this. Any number of workers may run one part at
the same time, and any may die anywhere: a grant is made only together with the step that counts
it, and each step requires exactly the one before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from service.bulk_grants import keys, store
from service.bulk_grants.entities import (
    Audience,
    BulkGrant,
    Failure,
    FailureReason,
    Part,
    PartState,
    concerns,
    failure_of,
    grant_of,
)
from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.core.metrics import Metric, Metrics
from service.ledger.grants import grant_key, grant_proposal
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.ledger.owners import read_owners
from service.storage.keys import Key
from service.storage.table import Cancelled, ConditionFailed, Conflicted, Table
from service.storage.writes import Write

log = structlog.get_logger()

PAGE = 200
# Users of a list between two readings of it. A dry run writes its progress once for as many.
TOGETHER = 50
LEASE_TRIES = 20
LEASE_PAUSE_SECONDS = 0.02
# After how long a part for which no budget is left looks whether other parts returned some.
WAIT_SECONDS = 2.0
# Where the part stands among the writes of a lease.
PART_PLACE = 1


class PartMoved(Exception):
    """Another worker has taken the part over, or it was cancelled: leave it."""


class _Waiting(Exception):
    """The budget is leased out, but another part may return some of it: the part is due later."""

    def __init__(self, part: Part) -> None:
        super().__init__(part)
        self.part = part


class _BulkCancelled(Exception):
    """An operator has cancelled the bulk grant."""


class _Damaged(Exception):
    """The bulk grant, or the list of that part, is not as this service wrote it."""

    def __init__(self, part: Part) -> None:
        super().__init__(part)
        self.part = part


class _NoGrant(Exception):
    """The user cannot be granted anything."""

    def __init__(self, reason: FailureReason) -> None:
        super().__init__(reason)
        self.reason = reason


class _NotConcerned(Exception):
    """The user had no open account when the bulk grant was made."""


@dataclass(frozen=True)
class Limits:
    """How long a run works on a part before others have their turn, and after how long without
    progress another worker takes a part over."""

    run_seconds: float
    lease_seconds: float


class PartRuns:
    """Runs parts that are due."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._mac_key = mac_key

    def run(self, key: Key, stopping: Callable[[], bool]) -> bool:
        """Works on one part for a while. Returns whether there is more to do at once. A part whose
        bulk grant or list is damaged ends there. Raises `StorageUnavailable` and other passing
        errors: the part is taken up again later."""
        part = self._claimed(key)
        if part is None:
            return False
        item = self._table.get(keys.bulk(part.bulk_id))
        bulk = store.sealed_bulk_from(item, self._mac_key)
        if bulk is None:
            self._stop(part)
            return False
        return self._worked(bulk, part, stopping)

    def _worked(self, bulk: BulkGrant, begun: Part, stopping: Callable[[], bool]) -> bool:
        part = begun
        run = _Run(bulk, self._table, self._ledger, self._clock, self._metrics, self._mac_key)
        until = self._clock.monotonic() + self._limits.run_seconds
        try:
            while part.state is PartState.RUNNING and not stopping():
                if self._clock.monotonic() >= until:
                    break
                part = run.step(part)
            self._put_back(part)
        except _Waiting as waiting:
            part = waiting.part
            return False
        except _Damaged as damaged:
            part = damaged.part
            self._stop(part)
            return False
        except (PartMoved, ConditionFailed, Cancelled):
            return False
        finally:
            if not bulk.dry_run and part.granted > begun.granted:
                self._metrics.count(Metric.BULK_GRANTS, part.granted - begun.granted)
        return part.state is PartState.RUNNING

    def _stop(self, part: Part) -> None:
        """Ends the part: an operator puts the damage right and has the rest granted anew."""
        log.error("bulk_grant_damaged", bulk_id=part.bulk_id, part=part.number)
        self._metrics.count(Metric.LEDGER_DAMAGED)
        try:
            self._table.write(store.part_write(part, part.ended(PartState.DAMAGED)))
        except ConditionFailed:
            return

    def _claimed(self, key: Key) -> Part | None:
        """The part, not due for others while this run makes progress. None where another has it."""
        item = self._table.get(key)
        part = store.part_from(item) if item else None
        now = self._clock.now()
        if part is None or part.due_at is None or part.due_at > now:
            return None
        claimed = replace(part, due_at=now + round(self._limits.lease_seconds * 1000))
        try:
            self._table.write(store.part_write(part, claimed))
        except ConditionFailed:
            return None
        return claimed

    def _put_back(self, part: Part) -> None:
        """Makes an unfinished part due at once."""
        if part.state is PartState.RUNNING:
            self._table.write(store.part_write(part, replace(part, due_at=self._clock.now())))


@dataclass(frozen=True)
class _Run:
    """One run over a part of that bulk grant."""

    bulk: BulkGrant
    table: Table
    ledger: Ledger
    clock: Clock
    metrics: Metrics
    mac_key: bytes

    def step(self, part: Part) -> Part:
        """The part after its next user or page. Raises `PartMoved`, `ConditionFailed` or
        `Cancelled` when another has moved it, `_Damaged` for what this service did not write."""
        if self._reread(part).cancelled_at is not None:
            return self._moved(part, part.ended(PartState.CANCELLED))
        if self.bulk.audience is Audience.LIST:
            return self._list_step(part)
        return self._walk_step(part)

    def _list_step(self, part: Part) -> Part:
        item = self.table.get(keys.users(part.bulk_id, part.number))
        users = store.sealed_users_from(item, self.mac_key)
        if users is None:
            raise _Damaged(part)
        batch = users[part.position : part.position + TOGETHER]
        if not batch:
            return self._moved(part, part.ended(PartState.DONE))
        if self.bulk.dry_run:
            return self._counted(part, batch, None)
        for user_id in batch:
            if part.state is PartState.RUNNING:
                part = self._granted(part, user_id, None)
        return part

    def _walk_step(self, part: Part) -> Part:
        place = keys.place(*part.after) if part.after else None
        page = read_owners(self.table, part.number, self.bulk.parts, place, PAGE)
        if self.bulk.dry_run:
            part = self._counted(part, [owner for owner, _ in page.owners], page.after)
        else:
            for owner, found_at in page.owners:
                if part.allowance < 1:
                    part = self._leased(part)
                if part.state is not PartState.RUNNING:
                    return part
                part = self._granted(part, owner, found_at)
        if part.state is not PartState.RUNNING:
            return part
        if page.after is None:
            return self._ended_walk(part)
        return self._moved(part, part.advanced(after=_packed(page.after)))

    def _granted(self, part: Part, user_id: str, place: Key | None) -> Part:
        """The part after that user, to whom it is granted unless they cannot be."""
        after = part.advanced(granted=1, spent=1, after=_packed(place))
        step = _Step(self.bulk, part, after, user_id, self.mac_key)
        try:
            self.ledger.move(user_id, step.propose, step.was_committed, related=step.related)
        except _NotConcerned:
            return part
        except _BulkCancelled:
            return self._moved(part, part.ended(PartState.CANCELLED))
        except _NoGrant as refusal:
            return self._failed(part, user_id, refusal.reason, place)
        except (PartMoved, _Damaged, Unavailable, RateLimited):
            raise
        except FareboxError as error:
            return self._failed(part, user_id, error.code, place)
        except Exception:
            # One user must not stop all the others for ever.
            log.exception("bulk_grant_broken", bulk_id=part.bulk_id, user_id=user_id)
            self.metrics.count(Metric.GRANT_ALARMS, alarm="broken")
            return self._failed(part, user_id, FailureReason.INTERNAL_ERROR, place)
        return after

    def _failed(self, part: Part, user_id: str, reason: str, place: Key | None) -> Part:
        after = part.advanced(failed=1, after=_packed(place))
        failure = Failure(user_id, reason, self.clock.now())
        self.table.transact([store.part_write(part, after), store.failure_write(part, failure)])
        return after

    def _counted(self, part: Part, users: Sequence[str], place: Key | None) -> Part:
        """The part after those users of a dry run, which were only counted."""
        failures, granted, now = [], 0, self.clock.now()
        for user_id in users:
            wallet = self.ledger.read_snapshot(user_id).wallet
            reason = failure_of(wallet)
            if concerns(self.bulk, wallet):
                granted += reason is None
                failures += [Failure(user_id, reason, now)] if reason else []
        after = part.advanced(granted=granted, failed=len(failures), after=_packed(place))
        writes: list[Write] = [store.failure_write(part, failure) for failure in failures]
        self.table.transact([store.part_write(part, after), *writes])
        return after

    def _leased(self, part: Part) -> Part:
        """The part with some more grants that it may make, taken from the budget; ended where
        there is none left. Parts take leases at the same time, so a few tries are made. Raises
        `_Waiting` while others hold some of the budget unused."""
        for _ in range(LEASE_TRIES):
            bulk = self._reread(part)
            count = bulk.lease()
            if count < 1:
                return self._without_budget(part)
            after = part.advanced(spent=-count)
            try:
                self._take(bulk, bulk.leased + count, part, after)
                return after
            except Conflicted:
                self.clock.sleep(LEASE_PAUSE_SECONDS)
            except Cancelled as cancelled:
                if PART_PLACE in cancelled.refused:
                    raise PartMoved from cancelled
        raise Conflicted

    def _without_budget(self, part: Part) -> Part:
        """The part ended, if every grant that the budget pays for was made. Grants only grow in
        number, so the sum needs no common moment; what ended parts hold is never returned."""
        parts = store.read_parts(self.table, part.bulk_id)
        running = (each for each in parts if each.state is PartState.RUNNING)
        held = any(each.allowance > 0 for each in running)
        used = sum(each.granted + each.allowance for each in parts)
        if not held and used >= self.bulk.affordable:
            return self._moved(part, part.ended(PartState.OUT_OF_BUDGET))
        due_at = self.clock.now() + round(WAIT_SECONDS * 1000)
        raise _Waiting(self._moved(part, replace(part, due_at=due_at)))

    def _ended_walk(self, part: Part) -> Part:
        """The part at its end; what it did not need of its lease goes back."""
        for _ in range(LEASE_TRIES):
            bulk = self._reread(part)
            after = part.ended(PartState.DONE).advanced(spent=part.allowance)
            try:
                self._take(bulk, bulk.leased - part.allowance, part, after)
                return after
            except Conflicted:
                self.clock.sleep(LEASE_PAUSE_SECONDS)
            except Cancelled as cancelled:
                if PART_PLACE in cancelled.refused:
                    raise PartMoved from cancelled
        raise Conflicted

    def _take(self, bulk: BulkGrant, leased: int, part: Part, after: Part) -> None:
        self.table.transact([store.lease_write(bulk, leased), store.part_write(part, after)])

    def _reread(self, part: Part) -> BulkGrant:
        item = self.table.get(keys.bulk(self.bulk.bulk_id))
        bulk = store.sealed_bulk_from(item, self.mac_key)
        if bulk is None:
            raise _Damaged(part)
        return bulk

    def _moved(self, part: Part, after: Part) -> Part:
        self.table.write(store.part_write(part, after))
        return after


@dataclass(frozen=True)
class _Step:
    """One user's grant together with the step of the part that counts it."""

    bulk: BulkGrant
    part: Part
    after: Part
    user_id: str
    mac_key: bytes

    @property
    def part_key(self) -> Key:
        return keys.part(self.part.bulk_id, self.part.number)

    @property
    def related(self) -> tuple[Key, ...]:
        grant = grant_of(self.bulk, self.user_id, 0)
        return (self.part_key, grant_key(grant), keys.bulk(self.bulk.bulk_id))

    def propose(self, snapshot: Snapshot, now: int) -> Proposal:
        item = snapshot.item(self.part_key)
        if item is None or store.part_from(item) != self.part:
            raise PartMoved
        item = snapshot.item(keys.bulk(self.bulk.bulk_id))
        bulk = store.sealed_bulk_from(item, self.mac_key)
        if bulk is None:
            raise _Damaged(self.part)
        if bulk.cancelled_at is not None:
            raise _BulkCancelled
        if not concerns(self.bulk, snapshot.wallet):
            raise _NotConcerned
        reason = failure_of(snapshot.wallet)
        if reason is None and self.was_committed(snapshot):
            reason = FailureReason.ALREADY_GRANTED
        if reason is not None:
            raise _NoGrant(reason)
        granted = grant_proposal(snapshot, grant_of(self.bulk, self.user_id, now), now)
        counted = ConditionalWrite(store.part_write(self.part, self.after))
        return Proposal(granted.movement, (*granted.writes, counted))

    def was_committed(self, snapshot: Snapshot) -> bool:
        return snapshot.item(self.related[1]) is not None


def _packed(place: Key | None) -> tuple[str, str] | None:
    return (place.pk, place.sk) if place else None
