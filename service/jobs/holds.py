"""T1: holding a price and making the job, in one transaction (the money protocol, section 4, step
2)."""

import hashlib
import json
from dataclasses import dataclass

from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.clock import Clock
from service.core.ids import Ids
from service.core.principal import Principal
from service.jobs import keys, store
from service.jobs.entities import Job, JobStatus, Times
from service.ledger.entities import Movement, OutcomeUnknown, StaleRead, hold
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.storage.keys import Key
from service.users.entities import Digests, is_open, knows_device, with_device
from service.users.operations import Users

ROUTE = "POST /videos"
MARGIN_SECONDS = 1.0


@dataclass(frozen=True)
class JobRequest:
    """What a client requests. `image` is an address or base64."""

    principal: Principal
    fingerprint: str
    image: str
    prompt_key: str
    idempotency_key: str | None = None

    @property
    def user_id(self) -> str:
        return self.principal.subject

    @property
    def key(self) -> Key | None:
        return (
            keys.idempotency(self.user_id, ROUTE, self.idempotency_key)
            if self.idempotency_key
            else None
        )

    @property
    def related(self) -> tuple[Key, ...]:
        """What is read together with the wallet."""
        return (self.key,) if self.key else ()

    @property
    def body_hash(self) -> str:
        """What must be the same for the same key: everything requested, but not the device."""
        body = json.dumps([self.user_id, self.image, self.prompt_key], separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Held:
    """A hold that stands: its job, what is left to spend, and until when (monotonic seconds) the
    job may be sent."""

    job: Job
    remaining: int
    send_until: float


class Holds:
    """Takes holds. Each has a job id of its own; only the request that took it may send the job."""

    def __init__(self, ledger: Ledger, users: Users, clock: Clock, ids: Ids, times: Times) -> None:
        self._ledger = ledger
        self._users = users
        self._clock = clock
        self._ids = ids
        self._times = times

    def take(
        self,
        order: JobRequest,
        device: Digests,
        price: int,
        predecessor: Job | None,
        snapshot: Snapshot,
    ) -> Held:
        """`predecessor` is the job that the order's key stands for so far, `snapshot` what was read
        of wallet and key. Raises `StaleRead` when a twin took the key meanwhile or no wallet is
        open, and what `Ledger.move` raises; `OutcomeUnknown` names the job."""
        job_id = self._ids.new("job", self._clock.now())
        known = snapshot.wallet is not None and knows_device(snapshot.wallet, device)
        device_keys = () if known else self._users.device_keys(order.user_id, device)
        terms = HoldTerms(
            order, device, device_keys, price, predecessor, job_id, self._times, self._users
        )
        # A predecessor was read after the wallet, and its end may have returned credits since.
        usable = known and predecessor is None
        try:
            moved = self._ledger.move(
                order.user_id,
                terms.propose,
                terms.was_committed,
                related=(*order.related, *device_keys),
                evidence=(terms.job_key,),
                snapshot=snapshot if usable else None,
            )
        except OutcomeUnknown as error:
            raise OutcomeUnknown(details={"jobId": job_id}, location=f"/jobs/{job_id}") from error
        job = (
            terms.job(moved.movement, moved.at) if moved.movement else terms.stored(moved.snapshot)
        )
        # Each attempt stores a window that begins with itself; sending stops by that of the first.
        send_until = moved.started_at + self._times.submit / 1000 - MARGIN_SECONDS
        return Held(job, moved.wallet.spendable(self._clock.now()), send_until)


@dataclass(frozen=True)
class HoldTerms:
    """Everything one hold is decided from, besides wallet and table. `device_keys` is empty where
    the wallet knew the device at the first look, so that nothing of it is read. Pure."""

    order: JobRequest
    device: Digests
    device_keys: tuple[Key, ...]
    price: int
    predecessor: Job | None
    job_id: str
    times: Times
    users: Users

    @property
    def job_key(self) -> Key:
        return keys.job(self.order.user_id, self.job_id)

    def propose(self, snapshot: Snapshot, now: int) -> Proposal:
        """The key comes first: a twin may have taken it since it was read."""
        user_id, key = self.order.user_id, self.order.key
        use = store.key_use(snapshot.item(key)) if key else None
        if (use.job_id if use else None) != self._predecessor_id:
            raise StaleRead("the key has been taken")
        if snapshot.wallet is None or not is_open(snapshot.wallet):
            raise StaleRead("no wallet is open")
        is_new = not knows_device(snapshot.wallet, self.device)
        if is_new and not self.device_keys:
            raise StaleRead("the device has left the wallet")
        wallet = with_device(snapshot.wallet, self.device)
        movement = hold(wallet, self.price, self.job_id, now)
        writes = [ConditionalWrite(store.new_job_write(self.job(movement, now)))]
        if key is not None:
            bound = store.key_write(key, self.job_id, self.order.body_hash, self._predecessor_id)
            writes.append(ConditionalWrite(bound))
        if is_new:
            writes += self.users.device_writes(user_id, self.device, snapshot.related, now)
        return Proposal(movement, writes)

    def was_committed(self, snapshot: Snapshot) -> bool:
        return snapshot.item(self.job_key) is not None

    def stored(self, snapshot: Snapshot) -> Job:
        """The job as an earlier attempt of this hold stored it."""
        item = snapshot.item(self.job_key)
        if item is None:
            raise LookupError("a hold that stands has been stored")
        return store.job_from(item)

    def job(self, movement: Movement, now: int) -> Job:
        """The job that this movement holds credits for."""
        held = movement.entries[-1]
        return Job(
            user_id=self.order.user_id,
            job_id=self.job_id,
            operation=IMAGE_TO_VIDEO,
            prompt_key=self.order.prompt_key,
            price=self.price,
            allocation=held.allocation,
            status=JobStatus.SUBMITTING,
            created_at=held.at,
            submit_until=now + self.times.submit,
            hard_at=now + self.times.hard_limit,
            due_at=now + self.times.submit,
            image_hash=hashlib.sha256(self.order.image.encode()).hexdigest()[:22],
            image_length=len(self.order.image),
        )

    @property
    def _predecessor_id(self) -> str | None:
        return self.predecessor.job_id if self.predecessor else None
