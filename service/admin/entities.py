"""What an audit finds, and the pure proofs it makes from the table alone (the money protocol, section 9)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from service.jobs.entities import Job, JobStatus
from service.ledger.entities import Entry, EntryKind, Wallet, applied, deltas, total
from service.ledger.store import mac

_BALANCES = ("credits", "held", "granted", "captured", "expired", "clawed_back", "debt")


@dataclass(frozen=True, order=True)
class Violation:
    """One thing that cannot be, and the item it was seen on."""

    item: str
    what: str


@dataclass(frozen=True)
class Account:
    """Everything of one user that has to agree, read so that no movement of credits lies between its parts."""

    wallet: Wallet
    entries: Sequence[Entry]
    jobs: Sequence[Job]
    keys: Mapping[str, str]
    claims_held: bool


@dataclass(frozen=True)
class Audit:
    """The result: how much was checked, what is wrong, and how many accounts moved too fast to be judged this time."""

    users: int = 0
    entries: int = 0
    jobs: int = 0
    claims: int = 0
    idempotency_keys: int = 0
    in_flight: int = 0
    violations: tuple[Violation, ...] = ()

    def plus(self, other: "Audit") -> "Audit":
        return Audit(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def audit_account(account: Account, mac_key: bytes) -> list[Violation]:
    """Every proof that one account allows."""
    wallet = account.wallet
    where = f"USER#{wallet.user_id}"
    found = [Violation(f"{where}/METADATA", fault) for fault in wallet.faults()]
    found += _chain_faults(wallet, account.entries, mac_key)
    found += _job_faults(wallet, account.entries, account.jobs)
    jobs = {job.job_id for job in account.jobs}
    found += [
        Violation(f"{where}/{key}", f"stands for job {job_id}, which does not exist")
        for key, job_id in account.keys.items()
        if job_id not in jobs
    ]
    if not account.claims_held:
        found.append(Violation(f"{where}/PROFILE", "a claim of this user is missing or another's"))
    return found


def _chain_faults(wallet: Wallet, entries: Sequence[Entry], mac_key: bytes) -> Iterable[Violation]:
    """Entries gapless, each balance the one before plus its amount, each MAC over the one before, all ending in the wallet."""
    running, head = Wallet(user_id=wallet.user_id), ""
    for expected, entry in enumerate(entries, start=1):
        where = f"USER#{wallet.user_id}/ENTRY#{entry.version:012d}"
        if entry.version != expected:
            yield Violation(where, f"entry {expected} is missing")
            return
        running = applied(running, deltas(entry))
        if (entry.credits, entry.held) != (running.credits, running.held):
            yield Violation(where, "its balances are not those before it plus its amount")
        if mac(wallet.user_id, replace(entry, mac=""), head, mac_key) != entry.mac:
            yield Violation(where, "its MAC does not hold")
        head = entry.mac
    where = f"USER#{wallet.user_id}/METADATA"
    if len(entries) != wallet.version:
        yield Violation(where, f"the wallet is at version {wallet.version}, its entries at {len(entries)}")
    if head != wallet.head:
        yield Violation(where, "head is not the MAC of the last entry")
    for name in _BALANCES:
        if getattr(running, name) != getattr(wallet, name):
            yield Violation(where, f"{name} is {getattr(wallet, name)}, its entries say {getattr(running, name)}")


def _job_faults(wallet: Wallet, entries: Sequence[Entry], jobs: Sequence[Job]) -> Iterable[Violation]:
    """Each job has its one HOLD and, once ended, its one CAPTURE or RELEASE; open holds make up `held`."""
    movements: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind in (EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.RELEASE):
            movements.setdefault(entry.ref, []).append(entry)
    for job in jobs:
        where = f"USER#{wallet.user_id}/JOB#{job.job_id}"
        for fault in (*_movement_faults(job, movements.pop(job.job_id, [])), *_state_faults(job)):
            yield Violation(where, fault)
    for ref in movements:
        yield Violation(f"USER#{wallet.user_id}/JOB#{ref}", "the ledger names a job that does not exist")
    open_holds = sum(job.price for job in jobs if job.is_open)
    if open_holds != wallet.held:
        yield Violation(f"USER#{wallet.user_id}/METADATA", f"held is {wallet.held}, open jobs hold {open_holds}")


def _movement_faults(job: Job, movements: Sequence[Entry]) -> Iterable[str]:
    expected = {
        JobStatus.SUBMITTING: [EntryKind.HOLD],
        JobStatus.SUBMITTED: [EntryKind.HOLD],
        JobStatus.SUCCEEDED: [EntryKind.HOLD, EntryKind.CAPTURE],
        JobStatus.FAILED: [EntryKind.HOLD, EntryKind.RELEASE],
    }[job.status]
    kinds = [entry.kind for entry in movements]
    if kinds != expected:
        yield f"{job.status} with movements {', '.join(kinds) or 'none'}"
    elif any(entry.amount + entry.returned != job.price for entry in movements) or total(job.split) != job.price:
        yield "its movements are not its price"


def _state_faults(job: Job) -> Iterable[str]:
    if job.status is JobStatus.SUCCEEDED and not job.video_url:
        yield "charged without a result"
    if (job.due_at is not None) != (job.is_open or job.watch_until is not None):
        yield "its due entry does not fit its state"
    if job.status is JobStatus.FAILED and job.failure is None:
        yield "failed without a reason"
    if bool(job.house_loss) != (job.status is JobStatus.FAILED and bool(job.video_url)):
        yield "house loss does not fit its state"
