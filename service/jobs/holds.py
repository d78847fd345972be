"""T1: setting a price aside and making the job, in one transaction (the money protocol, section 4,
step 2)."""

import hashlib
import json
from dataclasses import dataclass

from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.clock import Clock
from service.core.ids import Ids
from service.core.principal import Principal
from service.jobs import keys, store
from service.jobs.entities import Job, JobStatus, Times
from service.ledger.entities import Movement, OutcomeUnknown, WalletStatus, hold
from service.ledger.operations import CompanionWrites, ConditionalWrite, Ledger, Snapshot
from service.storage.keys import Key
from service.storage.table import Table
from service.users.entities import Digests, knows_device, with_device
from service.users.operations import Users

ROUTE = "POST /videos"
MARGIN_SECONDS = 1.0


class StaleRead(Exception):
    """What the hold was decided on is no longer so: a twin with the same key, or no open wallet."""


@dataclass(frozen=True)
class JobRequest:
    """What a client asks for. `image` is an address or base64."""

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
        """What must be the same for the same key: everything asked for, but not the device it is
        asked from."""
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
    """Takes holds. Each has a job id of its own; only who took it may send the job."""

    def __init__(
        self, table: Table, ledger: Ledger, users: Users, clock: Clock, ids: Ids, times: Times
    ) -> None:
        self._table = table
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
        snapshot: Snapshot | None,
    ) -> Held:
        """`predecessor` is the job that the order's key stands for so far; `snapshot` may spare a
        read, unless it is older than the predecessor's. Raises `StaleRead` and what `Ledger.move`
        raises; `OutcomeUnknown` names the job."""
        job_id = self._ids.new("job", self._clock.now())
        attempt = _Hold(self, order, device, price, predecessor, job_id)
        also = CompanionWrites(
            writes=attempt.writes, was_committed=attempt.was_committed, related=order.related
        )
        try:
            wallet = self._ledger.move(order.user_id, attempt.decide, also, snapshot)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(details={"jobId": job_id}, location=f"/jobs/{job_id}") from error
        return Held(attempt.job(), wallet.spendable(self._clock.now()), attempt.send_until)

    def send_until(self) -> float:
        """Monotonic seconds until which a job may be sent whose window begins now."""
        return self._clock.monotonic() + self._times.submit / 1000 - MARGIN_SECONDS

    def read(self, user_id: str, job_id: str) -> Job | None:
        return store.read(self._table, user_id, job_id)

    def new_job(self, order: JobRequest, job_id: str, price: int, movement: Movement) -> Job:
        now = self._clock.now()
        return Job(
            user_id=order.user_id,
            job_id=job_id,
            operation=IMAGE_TO_VIDEO,
            prompt_key=order.prompt_key,
            price=price,
            allocation=movement.entries[-1].allocation,
            status=JobStatus.SUBMITTING,
            created_at=movement.entries[-1].at,
            submit_until=now + self._times.submit,
            hard_at=now + self._times.hard_limit,
            due_at=now + self._times.submit,
            image_hash=hashlib.sha256(order.image.encode()).hexdigest()[:22],
            image_length=len(order.image),
        )

    def device_writes(self, user_id: str, device: Digests) -> list[ConditionalWrite]:
        return self._users.device_writes(user_id, device, self._clock.now())


class _Hold:
    """One hold over all its attempts."""

    def __init__(
        self,
        holds: Holds,
        order: JobRequest,
        device: Digests,
        price: int,
        predecessor: Job | None,
        job_id: str,
    ) -> None:
        self._holds = holds
        self._order = order
        self._device = device
        self._price = price
        self._predecessor_id = predecessor.job_id if predecessor else None
        self._job_id = job_id
        self._device_is_new = False
        self._job: Job | None = None
        self.send_until = 0.0

    def job(self) -> Job:
        if self._job is None:
            raise LookupError("a hold that stands has been written")
        return self._job

    def decide(self, snapshot: Snapshot, now: int) -> Movement:
        """The key first: it may have been taken since it was looked at.

        The time to send runs from the first attempt on, after the wait for the wallet's turn; each
        attempt sets the stored window anew, so that the stored one never ends earlier."""
        self.send_until = self.send_until or self._holds.send_until()
        use = store.key_use(snapshot.related[0]) if snapshot.related else None
        if (use.job_id if use else None) != self._predecessor_id:
            raise StaleRead
        if snapshot.wallet is None or snapshot.wallet.status is WalletStatus.CLOSED:
            raise StaleRead
        self._device_is_new = not knows_device(snapshot.wallet, self._device)
        return hold(with_device(snapshot.wallet, self._device), self._price, self._job_id, now)

    def writes(self, movement: Movement) -> list[ConditionalWrite]:
        self._job = self._holds.new_job(self._order, self._job_id, self._price, movement)
        writes = [ConditionalWrite(store.new_job_write(self._job), _decide_again)]
        if self._order.key is not None:
            write = store.key_write(
                self._order.key, self._job_id, self._order.body_hash, self._predecessor_id
            )
            writes.append(ConditionalWrite(write, _decide_again))
        if self._device_is_new:
            writes += self._holds.device_writes(self._order.user_id, self._device)
        return writes

    def was_committed(self) -> bool:
        """An earlier attempt may be the one that stands; what is stored counts."""
        stored = self._holds.read(self._order.user_id, self._job_id)
        self._job = stored or self._job
        return stored is not None


def _decide_again(_: object) -> None:
    return None
