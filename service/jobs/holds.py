"""T1: holding credits and making the job, in one transaction."""

from dataclasses import dataclass, field, replace

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.entitlements.operations import Permission
from service.jobs import keys, store
from service.jobs.entities import BoundKey, Job, JobRequest, JobStatus, Times
from service.jobs.house import Charge, HouseBudget
from service.jobs.implicit_keys import found_by, implicit_key_of, newest_job_write
from service.jobs.job_ids import JobIds
from service.jobs.work import Estimate, Facts
from service.ledger.details import OPERATION, REQUEST_ID
from service.ledger.entities import Movement, OutcomeUnknown, StaleRead
from service.ledger.limits import UserLimits, check_alone, check_limits, day_of, with_job
from service.ledger.movements import hold
from service.ledger.operations import ConditionalWrite, Ledger, Moved, Proposal, Snapshot
from service.sessions import ceilings
from service.sessions.ceilings import Ceiling, ceiling_key
from service.storage.keys import Key
from service.users.entities import Digests, has_item, is_open, with_device

MARGIN_SECONDS = 1.0


@dataclass(frozen=True)
class Held:
    """A committed hold: its job, what is left to spend, and until when (monotonic seconds) the
    job may be sent."""

    job: Job
    remaining: int
    send_until: float


class Holds:
    """Takes holds. Each has a job id of its own; only the request that took it may send the job."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        job_ids: JobIds,
        times: Times,
        limits: UserLimits,
        house: HouseBudget,
        mac_key: bytes,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._job_ids = job_ids
        self._times = times
        self._limits = limits
        self._house = house
        self._mac_key = mac_key

    def take(
        self,
        request: JobRequest,
        device: Digests | None,
        estimate: Estimate,
        payload: Facts,
        predecessor: Job | None,
        snapshot: Snapshot,
        permission: Permission | None = None,
        times: Times | None = None,
    ) -> Held:
        """`predecessor` is the job that the request's key stands for so far, or whose retry the
        request is, `snapshot` what was
        read of the wallet and the items of `related_to`, `times` those of this job (None: the usual
        ones). Raises `StaleRead` when a twin took the key meanwhile or no wallet is open,
        `SubscriptionRequired`, `SessionEnded`,
        `SessionCeilingReached`, `AlreadyLive`, `TooManyOpenJobs`,
        `DailyLimitReached`, `LossLimitReached`, `HouseLimitReached`, and what `Ledger.move` raises;
        `OutcomeUnknown` names the job."""
        job_id = self._job_ids.new(request.payer, self._clock.now())
        terms = HoldTerms(
            request=request,
            key=key_of(request),
            device=device,
            estimate=estimate,
            payload=payload,
            predecessor_id=predecessor.job_id if predecessor else None,
            job_id=job_id,
            times=times or self._times,
            limits=self._limits,
            permission=permission,
            mac_key=self._mac_key,
        )
        charge = self._charge(terms, snapshot)
        terms = replace(terms, is_limited=self._house.is_limited, charge=charge)
        try:
            # A predecessor was read after the wallet, and its end may have returned credits.
            moved = self._move(terms, snapshot if predecessor is None else None)
        except OutcomeUnknown as error:
            self._house.note(job_id, charge)
            structlog.contextvars.bind_contextvars(job_id=job_id)
            raise OutcomeUnknown(details={"jobId": job_id}, location=f"/jobs/{job_id}") from error
        except Exception:
            self._house.put_back(charge)
            raise
        self._house.note(job_id, charge)
        return self._held(terms, moved)

    def check_ceiling(self, request: JobRequest, estimate: Estimate, snapshot: Snapshot) -> None:
        """Whether the session's ceiling leaves room, as it was read: before anybody is signed up
        for a request that the hold would refuse. Raises `SessionEnded` or
        `SessionCeilingReached`."""
        bound = self.ceiling(request.actor, snapshot)
        if bound is not None:
            ceilings.with_held(bound, estimate.amount)

    def read_limits(self, principal: Principal) -> Snapshot:
        """The wallet, and the ceiling of the principal's session if it has one. Raises `WalletBusy`
        and `StorageUnavailable`."""
        key = ceiling_key(principal)
        return self._ledger.read_snapshot(principal.subject, (key,) if key else ())

    def ceiling(self, principal: Principal, snapshot: Snapshot) -> Ceiling | None:
        """The ceiling of the principal's session; None where it has none. Raises `SessionEnded`."""
        key = ceiling_key(principal)
        return None if key is None else ceilings.bound_by(snapshot.item(key), self._mac_key)

    def _charge(self, terms: "HoldTerms", snapshot: Snapshot) -> Charge | None:
        """The house's part for what would be held; none for what is going to be refused."""
        if not self._house.is_limited:
            return None
        try:
            proposal = terms.propose(snapshot, self._clock.now())
        except (FareboxError, StaleRead):
            return None
        held = proposal.movement.entries[-1]
        return self._house.charge(held.amount, held.at)

    def _move(self, terms: "HoldTerms", snapshot: Snapshot | None) -> Moved:
        return self._ledger.move(
            terms.request.payer,
            terms.propose,
            terms.was_committed,
            related=related_to(terms.request, terms.permission),
            evidence=(terms.job_key,),
            snapshot=snapshot,
        )

    def _held(self, terms: "HoldTerms", moved: Moved) -> Held:
        job = (
            terms.job(moved.movement, moved.at) if moved.movement else terms.stored(moved.snapshot)
        )
        # Each attempt stores a window that begins with itself; sending stops by that of the first.
        send_until = moved.started_at + self._times.submit / 1000 - MARGIN_SECONDS
        left = moved.wallet.spendable(self._clock.now(), job.operation)
        return Held(job, left, send_until)


@dataclass(frozen=True)
class HoldTerms:
    """Everything one hold is decided from, besides wallet and table. Pure. Where the house
    `is_limited`, the `charge` must be of the day of the HOLD."""

    request: JobRequest
    key: Key | None
    device: Digests | None
    estimate: Estimate
    payload: Facts
    predecessor_id: str | None
    job_id: str
    times: Times
    limits: UserLimits
    mac_key: bytes = field(repr=False)
    permission: Permission | None = None
    is_limited: bool = False
    charge: Charge | None = None

    @property
    def job_key(self) -> Key:
        return keys.job(self.request.payer, self.job_id)

    def propose(self, snapshot: Snapshot, now: int) -> Proposal:
        """The key comes first: a twin may have taken it since it was read."""
        if self._predecessor_in(snapshot, now) != self.predecessor_id:
            raise StaleRead("the key has been taken")
        if snapshot.wallet is None or not is_open(snapshot.wallet):
            raise StaleRead("no wallet is open")
        limits = limits_in(snapshot, self.permission, self.limits)
        wallet = with_device(snapshot.wallet, self.device) if self.device else snapshot.wallet
        details = {OPERATION: self.request.operation, REQUEST_ID: self.request.request_id}
        movement = hold(wallet, self.estimate.amount, self.job_id, now, details=details)
        job = self.job(movement, now)
        check_alone(snapshot.wallet, job.operation, now)
        check_limits(snapshot.wallet, job.operation, job.held, now, limits)
        if self.is_limited and (self.charge is None or self.charge.day != day_of(job.created_at)):
            raise StaleRead("the house is charged for another day, or not at all")
        counted = with_job(movement.wallet, job.operation, job.hard_at, now)
        movement = replace(movement, wallet=counted)
        writes = [ConditionalWrite(store.new_job_write(job))]
        writes += self._ceiling_writes(snapshot)
        if self.key is not None:
            bound = store.key_write(job, self.predecessor_id, self.mac_key)
            writes.append(ConditionalWrite(bound))
        implicit = implicit_key_of(self.request)
        if implicit is not None:
            newest = newest_job_write(self.request, implicit, self.job_id, now, self.mac_key)
            writes.append(ConditionalWrite(newest))
        return Proposal(movement, writes)

    def _predecessor_in(self, snapshot: Snapshot, now: int) -> str | None:
        implicit = implicit_key_of(self.request)
        if implicit is not None:
            return found_by(self.request, snapshot.item(implicit), now)
        use = store.key_use(snapshot.item(self.key)) if self.key else None
        return use.job_id if use else None

    def _ceiling_writes(self, snapshot: Snapshot) -> list[ConditionalWrite]:
        """What the hold counts against the session's ceiling. The wallet's version guards it too:
        whatever changes the ceiling moves the wallet, but for the end of the session."""
        key = ceiling_key(self.request.actor)
        if key is None:
            return []
        before = ceilings.bound_by(snapshot.item(key), self.mac_key)
        after = ceilings.with_held(before, self.estimate.amount)
        return [ConditionalWrite(ceilings.used_write(before, after))]

    def was_committed(self, snapshot: Snapshot) -> bool:
        return snapshot.item(self.job_key) is not None

    def stored(self, snapshot: Snapshot) -> Job:
        """The job as an earlier attempt of this hold stored it."""
        item = snapshot.item(self.job_key)
        if item is None:
            raise LookupError("a hold that stands has been stored")
        return store.job_from(item)

    def job(self, movement: Movement, now: int) -> Job:
        """The job that this movement holds credits for. It remembers a device without an item,
        which its capture adds."""
        held = movement.entries[-1]
        job = Job(
            payer=self.request.payer,
            actor=self.request.actor.subject,
            job_id=self.job_id,
            operation=self.request.operation,
            held=self.estimate.amount,
            price_version=self.estimate.price_version,
            price_terms=self.estimate.price_terms,
            request_id=self.request.request_id,
            session_id=self.request.bound_session,
            payload=self.payload,
            device=self._new_device(movement),
            allocation=held.allocation,
            status=JobStatus.SUBMITTING,
            created_at=held.at,
            submit_until=now + self.times.submit,
            hard_at=now + self.times.hard_limit,
            due_at=now + self.times.submit,
            bound_key=self._bound_key(),
        )
        return store.sealed(job, self.mac_key)

    def _new_device(self, movement: Movement) -> tuple[str, ...]:
        if self.device is None or has_item(movement.wallet, self.device):
            return ()
        return self.device.all

    def _bound_key(self) -> BoundKey | None:
        if self.key is None:
            return None
        return BoundKey(keys.digest_of(self.key), self.request.body_hash)


def limits_in(snapshot: Snapshot, permission: Permission | None, limits: UserLimits) -> UserLimits:
    """The limits for the operation that the permission is for (None: one for everyone), with
    `limits` those of every user: where it is for subscribers, their plan's come first. The item of
    the permission must have been read. Raises `SubscriptionRequired`."""
    if permission is None:
        return limits
    terms = permission.check(snapshot.item(permission.key))
    return UserLimits(
        terms.max_open_jobs or limits.max_open_jobs,
        terms.max_credits_per_day or limits.max_credits_per_day,
        limits.max_loss_per_day,
    )


def key_of(request: JobRequest) -> Key | None:
    """The item that the request's idempotency key is."""
    if request.idempotency_key is None:
        return None
    return keys.idempotency(request.payer, request.route, request.idempotency_key)


def related_to(request: JobRequest, permission: Permission | None) -> tuple[Key, ...]:
    """What is read together with the wallet: the key's item, the session's ceiling, and what the
    permission is decided from."""
    keys = (
        key_of(request),
        implicit_key_of(request),
        ceiling_key(request.actor),
        permission.key if permission else None,
    )
    return tuple(key for key in keys if key is not None)
