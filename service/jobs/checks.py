"""What the audit proves of jobs: each has its one HOLD, and its one end once it has ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Protocol

from service.core.amounts import amount_of, credits_text
from service.jobs import keys
from service.jobs.entities import Failure, Job, JobStatus
from service.jobs.implicit_keys import is_sealed as is_implicit_sealed
from service.jobs.implicit_keys import newest_job
from service.jobs.store import KeyUse, is_key_sealed, is_sealed
from service.jobs.work import LIVE_UNTIL, Operations, price_of
from service.ledger import keys as ledger_keys
from service.ledger.checks import LedgerRecords
from service.ledger.entities import Entry, EntryKind, WalletStatus
from service.ledger.holdings import HOLDING_KINDS, holding_of
from service.ledger.limits import TIMED_KINDS, kind_of, missing_jobs
from service.ledger.lots import total_taken
from service.storage.checks import AccountCheck, ItemCheck, Violation, item_name
from service.storage.codec import Item
from service.storage.keys import Key, user_item

UNSEALED = "is not as this service wrote it (its MAC does not hold)"
_JOB_KINDS = (*HOLDING_KINDS, EntryKind.CAPTURE, EntryKind.RELEASE)
_ENDS = {
    JobStatus.SUBMITTING: (),
    JobStatus.SUBMITTED: (),
    JobStatus.SUCCEEDED: (EntryKind.CAPTURE,),
    JobStatus.FAILED: (EntryKind.RELEASE,),
}


class JobRecords(LedgerRecords, Protocol):
    """The part of an account that these checks read."""

    @property
    def version(self) -> int:
        """Up to where `entries` go."""
        ...

    @property
    def jobs(self) -> Sequence[Job]: ...

    @property
    def keys(self) -> Mapping[str, KeyUse]:
        """Sort key of each idempotency key, and what it stands for."""
        ...

    def is_there(self, sk: str, present: Iterable[str]) -> bool: ...


def job_check(operations: Operations, mac_key: bytes) -> AccountCheck:
    """`operations` may still be filled: it is read when the check runs."""

    def faults(account: JobRecords) -> Iterator[Violation]:
        yield from _job_faults(account)
        yield from _content_faults(account, operations)
        yield from _seal_faults(account, mac_key)
        yield from _key_faults(account)
        yield from _bound_key_faults(account)

    return AccountCheck(("job", "idempotency key"), faults)


def house_leases_check() -> ItemCheck:
    """What was leased fits into the budget. Whether it was spent, only the processes knew."""

    def faults(item: Item) -> Iterator[str]:
        fields: Any = item
        leased, budget = amount_of(fields["leased"]), amount_of(fields["budget"])
        if not 0 <= leased <= budget:
            yield f"{credits_text(leased)} are leased of a budget of {credits_text(budget)}"

    return ItemCheck(keys.HOUSE_LEASES, faults)


def implicit_key_check(mac_key: bytes) -> ItemCheck:
    """It is as this service wrote it. Its job may end, and it may stay, as long as each likes."""

    def faults(item: Item) -> Iterator[str]:
        newest = newest_job(item)
        if newest is None or not is_implicit_sealed(Key.of_item(item), newest, mac_key):
            yield UNSEALED

    return ItemCheck(keys.IMPLICIT_KEY, faults)


def _job_faults(account: JobRecords) -> Iterator[Violation]:
    """Each job has its one HOLD, perhaps EXTENDs, and, once ended, its one CAPTURE or RELEASE."""
    movements: dict[str, list[Entry]] = {}
    for entry in (*account.entries, *account.late):
        if entry.kind in _JOB_KINDS:
            movements.setdefault(entry.ref, []).append(entry)
    for job in account.jobs:
        where = item_name(account.user_id, keys.JOB_PREFIX + job.job_id)
        for fault in (
            *_movement_faults(job, movements.get(job.job_id, []), account),
            *_state_faults(job),
            *_price_faults(job),
        ):
            yield Violation(where, fault)
    present = {keys.JOB_PREFIX + job.job_id for job in account.jobs}
    for ref, entries in movements.items():
        if entries[0].version <= account.version and not account.is_there(
            keys.JOB_PREFIX + ref, present
        ):
            yield Violation(
                item_name(account.user_id, keys.JOB_PREFIX + ref),
                "the ledger names a job that does not exist",
            )
    yield from _held_faults(account)
    yield from _in_flight_faults(account)


def _in_flight_faults(account: JobRecords) -> Iterator[Violation]:
    """The wallet lists the hard limit of each open job and the end of each length of time that was
    sold, but for those that were past it at the last hold. As exact as `_held_faults`."""
    wallet = account.wallet
    if wallet is None or account.late or account.unreadable:
        return
    ends = ends_by_kind(account.jobs)
    holds = (entry.at for entry in account.entries if entry.kind in HOLDING_KINDS)
    last_hold = max(holds, default=0)
    # An erasure empties what was sold, and the list, one after the other.
    is_erased = wallet.status in (WalletStatus.CLOSING, WalletStatus.CLOSED)
    for kind in sorted({*ends, *wallet.open_jobs} - (TIMED_KINDS if is_erased else set())):
        extra, missing = missing_jobs(wallet, kind, ends.get(kind, []))
        if extra or any(end * 1000 > last_hold for end in missing):
            listed, found = len(wallet.open_jobs.get(kind, ())), len(ends.get(kind, []))
            yield Violation(
                item_name(account.user_id, "METADATA"),
                f"openJobs lists {listed} of kind {kind}, which are not the {found} open jobs",
            )


def ends_by_kind(jobs: Iterable[Job]) -> dict[str, list[int]]:
    """The hard limits of open jobs and the ends of lengths of time that were sold, by kind."""
    ends: dict[str, list[int]] = {}
    for job in jobs:
        kind = kind_of(job.operation)
        if job.is_open:
            ends.setdefault(kind, []).append(job.hard_at)
        elif kind in TIMED_KINDS and job.status is JobStatus.SUCCEEDED and job.result:
            ends.setdefault(kind, []).append(int(str(job.result[LIVE_UNTIL])))
    return ends


def _held_faults(account: JobRecords) -> Iterator[Violation]:
    """Exact only where nothing moved while the account was read, and everything could be."""
    open_holds = sum(job.held for job in account.jobs if job.is_open)
    if (
        account.wallet is None
        or account.late
        or account.unreadable
        or open_holds == account.wallet.held
    ):
        return
    yield Violation(
        item_name(account.user_id, "METADATA"),
        f"held is {credits_text(account.wallet.held)}, open jobs hold {credits_text(open_holds)}",
    )


def _movement_faults(job: Job, movements: Sequence[Entry], account: JobRecords) -> Iterator[str]:
    """A job read as open may have ended or been extended since, by an entry beyond the version at
    which the wallet was read. An entry that cannot be read may be any that is missed."""
    kinds = [entry.kind for entry in movements]
    holds = list(takewhile(lambda entry: entry.kind in HOLDING_KINDS, movements))
    ends = movements[len(holds) :]
    expected = [EntryKind.HOLD, *([EntryKind.EXTEND] * (len(holds) - 1)), *_ENDS[job.status]]
    has_ended_since = job.is_open and len(ends) == 1 and ends[0].version > account.version
    fits = kinds == expected or (has_ended_since and kinds[:-1] == expected)
    may_miss = _some_entry_unreadable(account)
    held = holding_of(_holds_as_read(job, holds, account))
    if not fits and not (may_miss and _is_part(kinds, expected)):
        yield f"{job.status} with movements {', '.join(kinds) or 'none'}"
    elif (
        (held and total_taken(held.allocation) != job.held and not may_miss)
        or any(entry.amount + entry.returned != job.held for entry in ends if not job.is_open)
        or total_taken(job.allocation) != job.held
    ):
        yield "its movements are not its price"
    elif job.captured != sum(
        entry.amount for entry in ends if entry.kind is EntryKind.CAPTURE
    ) and not (job.is_open or may_miss):
        yield "its CAPTURE is not what it was charged"
    elif held and held.allocation != job.allocation and not may_miss:
        yield "its HOLD took from other lots"
    elif _left_another_balance(job, ends) and not may_miss:
        yield "its end left another balance"
    elif any(_is_of_another(entry, job) for entry in movements):
        yield "its movements name another request"


def _holds_as_read(job: Job, holds: Sequence[Entry], account: JobRecords) -> Sequence[Entry]:
    """Those of its holds that the job as it was read can have known: all of them, unless it was
    read as open before the last ones, which are then beyond the wallet's version."""
    count = len(holds)
    while job.is_open and count > 1 and holds[count - 1].version > account.version:
        if sum(entry.amount for entry in holds[:count]) == job.held:
            break
        count -= 1
    return holds[:count]


def _left_another_balance(job: Job, ends: Sequence[Entry]) -> bool:
    """Jobs of earlier releases do not say which."""
    return job.balance_after not in (None, *(entry.credits for entry in ends))


def _is_of_another(entry: Entry, job: Job) -> bool:
    """Whether it contradicts the job; entries of earlier releases name neither."""
    return any(entry.details.get(name, value) != value for name, value in job.entry_details.items())


def _some_entry_unreadable(account: LedgerRecords) -> bool:
    return any(sk.startswith(ledger_keys.ENTRY_PREFIX) for sk in account.unreadable)


def _is_part(kinds: Sequence[EntryKind], expected: Sequence[EntryKind]) -> bool:
    rest = iter(expected)
    return all(kind in rest for kind in kinds)


def _state_faults(job: Job) -> Iterator[str]:
    if job.status is JobStatus.SUCCEEDED and not job.result and job.erased_at is None:
        yield "charged without a result"
    if (job.due_at is not None) != (job.is_open or job.watch_until is not None):
        yield "its due entry does not fit its state"
    if job.status is JobStatus.FAILED and job.failure is None:
        yield "failed without a reason"
    if job.status is not JobStatus.FAILED and (job.failure or job.watch_until) is not None:
        yield "has a reason or a watch of a failed job"
    is_delivered = job.status is JobStatus.FAILED and bool(job.result)
    if (job.house_loss is not None) != is_delivered and job.erased_at is None:
        yield "house loss does not fit its state"
    if not 0 <= (job.house_loss or 0) <= job.held:
        yield "house loss is not a part of what it held"
    if job.device and not job.is_open:
        yield "has the device of an open job"
    if any(count < 0 for count in job.usage.values()):
        yield "its usage is negative"


def _price_faults(job: Job) -> Iterator[str]:
    """A job that the repair made again from its HOLD has no price version."""
    if job.provider_cost is not None and not job.result and job.erased_at is None:
        yield "has a provider's cost without a result"
    try:
        version = price_of(job).version
    except ValueError:
        yield "its price terms are not those of a price"
        return
    if job.price_version and job.price_version != version:
        yield "its price is not the one that its version names"


def _content_faults(account: JobRecords, operations: Operations) -> Iterator[Violation]:
    for job in account.jobs:
        for fault in _own_faults(job, operations):
            yield Violation(item_name(account.user_id, keys.JOB_PREFIX + job.job_id), fault)


def _own_faults(job: Job, operations: Operations) -> Iterator[str]:
    """What only the job's kind of work can judge. A kind that is not offered (a release that knew
    it was rolled back) leaves it open."""
    work = operations.offered(job.operation)
    if work is None:
        return
    if job.failure is not None and job.failure not in {*Failure, *work.failures}:
        yield f"failed for a reason that does not exist: {job.failure}"
    if job.erased_at is not None:
        yield from _erasure_faults(job)
        return
    if job.payload or job.price_version:
        # A job that the repair made again from its HOLD has neither.
        yield from work.payload_faults(job.payload)
    if job.result:
        yield from work.result_faults(job.result)


def _erasure_faults(job: Job) -> Iterator[str]:
    if job.payload or job.result or job.facts:
        yield "is erased, and something personal is left of it"
    if job.is_open or job.watch_until is not None:
        yield "is erased, and has not ended"


def _seal_faults(account: JobRecords, mac_key: bytes) -> Iterator[Violation]:
    for job in account.jobs:
        if not is_sealed(job, mac_key):
            yield Violation(item_name(account.user_id, keys.JOB_PREFIX + job.job_id), UNSEALED)
    for sk, use in account.keys.items():
        key = user_item(account.user_id, sk)
        if not is_key_sealed(key, use, mac_key):
            yield Violation(str(key), UNSEALED)


def _key_faults(account: JobRecords) -> Iterator[Violation]:
    """The keys were read before the jobs, so each has its job by then."""
    jobs = {keys.JOB_PREFIX + job.job_id: job for job in account.jobs}
    for sk, use in account.keys.items():
        where, name = item_name(account.user_id, sk), keys.JOB_PREFIX + use.job_id
        if not account.is_there(name, jobs):
            yield Violation(where, f"stands for job {use.job_id}, which does not exist")
        elif name in jobs and sk not in jobs_by_key([jobs[name]]):
            yield Violation(where, f"stands for job {use.job_id}, which came without it")


def _bound_key_faults(account: JobRecords) -> Iterator[Violation]:
    """Each job that came with a key has the key's item, which stands for the newest of the jobs
    that came with it; the others made room for it. Nothing is said of jobs that were held after
    the wallet was read: their keys may have been read before that."""
    held_at = {
        entry.ref: entry.version
        for entry in (*account.entries, *account.late)
        if entry.kind is EntryKind.HOLD
    }
    for sk, jobs in jobs_by_key(account.jobs).items():
        known = [job for job in jobs if 0 < held_at.get(job.job_id, 0) <= account.version]
        if not known or sk in account.unreadable:
            continue
        known.sort(key=lambda job: held_at[job.job_id])
        use = account.keys.get(sk)
        named = next((job for job in jobs if use and job.job_id == use.job_id), None)
        is_older = named is not None and held_at.get(named.job_id, 0) < held_at[known[-1].job_id]
        where = item_name(account.user_id, sk)
        yield from (Violation(where, fault) for fault in _use_faults(use, named, known, is_older))


def _use_faults(
    use: KeyUse | None, named: Job | None, known: Sequence[Job], is_older: bool
) -> Iterator[str]:
    """`known` are the key's jobs in the order of their holds, `named` the one that its item names;
    `is_older` says that this is not the last."""
    newest = known[-1]
    if use is None:
        yield f"is missing, and job {newest.job_id} came with it"
    elif is_older:
        yield f"stands for job {use.job_id}, and {newest.job_id} came with it later"
    elif named and named.bound_key and named.bound_key.body_hash != use.body_hash:
        yield f"has another body than its job {named.job_id}"
    if any(not job.retryable for job in known[:-1]):
        yield "has a second job, although the first was accepted"


def jobs_by_key(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """The jobs that came with an idempotency key, by the sort key of its item."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        if job.bound_key is not None:
            sk = keys.IDEMPOTENCY_PREFIX + job.bound_key.digest
            found.setdefault(sk, []).append(job)
    return found
