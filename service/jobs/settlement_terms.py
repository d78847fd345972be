"""What one settlement writes, decided from wallet and job as they are at one moment. Pure.

In a file of its own, as a hold's terms are next to the code that takes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from service.core.amounts import Amount, credits_text
from service.jobs import keys, store
from service.jobs.entities import Job, JobStatus
from service.ledger.details import HOUSE_LOSS, Details
from service.ledger.entities import Entry, Movement, StaleRead, Wallet
from service.ledger.limits import with_ended
from service.ledger.movements import capture, release
from service.ledger.operations import ConditionalWrite, Proposal, Snapshot
from service.sessions import ceilings
from service.storage.keys import Key
from service.storage.writes import Update
from service.users.entities import Digests
from service.users.operations import Users

Decide = Callable[[Wallet, int], Movement]
WriteEnd = Callable[[Job, Job], Update]
"""The write that leads from a job as it was read to the job as it is to be."""


@dataclass(frozen=True)
class Addition:
    """What is written together with a settlement by whoever caused it, such as the record of an
    operator's action. `keys` are read with wallet and job; `writes` is pure, and receives what was
    read, the settlement's movement and the time."""

    keys: tuple[Key, ...]
    writes: Callable[[Snapshot, Movement, int], Sequence[ConditionalWrite]]


def charging(job: Job, amount: Amount, loss: Amount = 0) -> Decide:
    """T4's movement: spends `amount` of what the job holds and returns the rest. `loss` is what the
    work cost beyond that."""

    def decide(wallet: Wallet, now: int) -> Movement:
        return capture(
            wallet,
            job.allocation,
            amount,
            job.job_id,
            job.held_at,
            now,
            began_at=job.created_at,
            details=_details(job, loss),
        )

    return decide


def returning(job: Job, loss: Amount = 0) -> Decide:
    """T5's movement: returns everything that the job holds. `loss` is what the work cost all the
    same."""

    def decide(wallet: Wallet, now: int) -> Movement:
        return release(
            wallet,
            job.allocation,
            job.job_id,
            job.held_at,
            now,
            began_at=job.created_at,
            details=_details(job, loss),
        )

    return decide


def _details(job: Job, loss: Amount) -> Details:
    return {**job.entry_details, HOUSE_LOSS: credits_text(loss)} if loss else job.entry_details


def with_balance_of(job: Job, end: Entry | None) -> Job:
    """For a repair alone: a job that records the balance its end left says what its entry says."""
    if job.balance_after is None:
        return job
    return replace(job, balance_after=end.credits if end else None)


@dataclass(frozen=True)
class SettlementTerms:
    """Wallet and job are read at one moment: a job that has been settled elsewhere must not be
    settled on their wallet, and one that has ended, however it was read, never again. `ended` is
    the job as it is to be, but for the balance that it leaves. With `device`, the device's item and
    claims come in the same transaction, as far as `Users.after_capture` allows; with `addition`,
    its writes."""

    job: Job
    decide: Decide
    ended: Job
    write_end: WriteEnd
    device: Digests | None
    users: Users
    mac_key: bytes = field(repr=False)
    addition: Addition | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """What is read together with the wallet."""
        device = self.users.device_keys(self.job.payer, self.device) if self.device else ()
        added = self.addition.keys if self.addition else ()
        return (self._job_key, *self._ceiling_keys, *device, *added)

    @property
    def _ceiling_keys(self) -> tuple[Key, ...]:
        """Not where nothing comes back: what was held counts on."""
        if not self.job.session_id or not self.ended.returned:
            return ()
        return (ceilings.key_of_session(self.job.payer, self.job.session_id),)

    @property
    def _job_key(self) -> Key:
        return keys.job(self.job.payer, self.job.job_id)

    def propose(self, snapshot: Snapshot, now: int) -> Proposal:
        stored = snapshot.item(self._job_key)
        if snapshot.wallet is None or stored is None:
            raise LookupError(f"job {self.job.job_id} has no wallet or is gone")
        if not store.is_as_read(stored, self.job):
            raise StaleRead("the job has changed")
        movement = self.decide(snapshot.wallet, now)
        wallet = with_ended(
            movement.wallet,
            self.job.operation,
            self.job.hard_at,
            is_delivered=self.ended.status is JobStatus.SUCCEEDED,
        )
        movement = replace(movement, wallet=wallet)
        write = self.write_end(self.job, self.after(movement))
        writes = [ConditionalWrite(write, StaleRead("the job has changed"))]
        writes += self._ceiling_writes(snapshot)
        if self.addition is not None:
            writes += self.addition.writes(snapshot, movement, now)
        if self.device is None:
            return Proposal(movement, writes)
        wallet, of_device = self.users.after_capture(
            movement.wallet, self.device, snapshot.related, now
        )
        return Proposal(replace(movement, wallet=wallet), [*writes, *of_device])

    def _ceiling_writes(self, snapshot: Snapshot) -> list[ConditionalWrite]:
        """What came back counts no more against the session's ceiling, if that still stands."""
        found = (
            ceilings.returned_write(snapshot.item(key), self.ended.returned)
            for key in self._ceiling_keys
        )
        return [ConditionalWrite(write) for write in found if write is not None]

    def after(self, movement: Movement) -> Job:
        """The job that this movement settles, sealed."""
        return store.sealed(
            replace(self.ended, balance_after=movement.wallet.credits), self.mac_key
        )

    def was_committed(self, snapshot: Snapshot) -> bool:
        """Distinguishes this settlement, should its response be lost, from another's: what another
        process decided is read, never assumed."""
        item = snapshot.item(self._job_key)
        if item is None:
            return False
        stored, ended = store.job_from(item), self.ended
        if ended.status is JobStatus.SUCCEEDED:
            return stored.status is JobStatus.SUCCEEDED and stored.result == ended.result
        return (stored.failure, stored.watch_until) == (ended.failure, ended.watch_until)

    def stored(self, snapshot: Snapshot) -> Job:
        """The job as an earlier attempt of this settlement stored it."""
        item = snapshot.item(self._job_key)
        if item is None:
            raise LookupError("a settlement that stands has been stored")
        return store.job_from(item)
