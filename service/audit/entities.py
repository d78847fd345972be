"""What an audit walks and finds, and the pure proofs it makes from the table alone (the money
protocol, section 9)."""

import base64
import binascii
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum

from service.jobs import keys as jobs_keys
from service.jobs.entities import Job, JobStatus
from service.ledger import keys as ledger_keys
from service.ledger.entities import Entry, EntryKind, Wallet, WalletStatus, applied, deltas
from service.ledger.lots import total_taken
from service.ledger.store import mac
from service.storage.keys import Key, user_partition
from service.users import keys as users_keys

MAX_SEGMENTS = 1_000_000
_BALANCES = ("credits", "held", "granted", "captured", "expired", "clawed_back", "debt")
_JOB_KINDS = (EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.RELEASE)
_ENDS = {
    JobStatus.SUBMITTING: (),
    JobStatus.SUBMITTED: (),
    JobStatus.SUCCEEDED: (EntryKind.CAPTURE,),
    JobStatus.FAILED: (EntryKind.RELEASE,),
}


class InvalidScanToken(ValueError):
    """Not a token of an audit, or one of a walk over other segments."""


@dataclass(frozen=True)
class ScanCursor:
    """Where a walk over the table stands: in which of how many segments, and behind which key
    (None: at its beginning)."""

    segments: int
    segment: int
    after: Key | None = None

    def token(self) -> str:
        after = [self.after.pk, self.after.sk] if self.after else []
        text = json.dumps([self.segments, self.segment, *after], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def from_token(cls, token: str) -> "ScanCursor":
        """Raises `InvalidScanToken`."""
        try:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            segments, segment, *after = json.loads(text)
            key = Key.of_item(dict(zip(("PK", "SK"), after, strict=True))) if after else None
            cursor = cls(int(segments), int(segment), key)
            if not 0 <= cursor.segment < cursor.segments:
                raise ValueError
            return cursor
        except (binascii.Error, ValueError, TypeError, OverflowError):
            raise InvalidScanToken("--start is not a token that an audit gave out") from None


@dataclass(frozen=True)
class ScanPlan:
    """Which part of the table to walk, one segment after the other: all segments or one, from the
    beginning or from a place."""

    segments: int = 1
    only: int | None = None
    start: ScanCursor | None = None

    def __post_init__(self) -> None:
        """Raises `InvalidScanToken` or `ValueError`."""
        if not 1 <= self.segments <= MAX_SEGMENTS or not 0 <= self._first < self.segments:
            raise ValueError(
                f"segments are numbered from 0, and there are 1 to {MAX_SEGMENTS} of them"
            )
        if self.start and (
            self.start.segments != self.segments or self.only not in (None, self.start.segment)
        ):
            raise InvalidScanToken("--start belongs to a walk with other segments")

    @property
    def _first(self) -> int:
        return self.start.segment if self.start else self.only or 0

    @property
    def whole(self) -> bool:
        return self.only is None and self.start is None

    @property
    def segment_starts(self) -> Iterator[ScanCursor]:
        """Where each segment's walk begins."""
        last = self.segments - 1 if self.only is None else self.only
        for segment in range(self._first, last + 1):
            begun = self.start if segment == self._first else None
            yield begun or ScanCursor(self.segments, segment)


@dataclass(frozen=True, order=True)
class Violation:
    """One thing that cannot be, and the item it was seen on."""

    item: str
    what: str


@dataclass(frozen=True)
class Account:
    """Everything of one user that has to agree. `entries` are those up to the wallet's version,
    `late` those beyond it, read after the jobs; the wallet was at `reached` after that. `faults`
    were found on single items; `unreadable` names the sort keys of those that could not be
    understood (a wallet or profile of which this is true is None here), `loose_macs` has the MACs
    of such entries."""

    user_id: str
    wallet: Wallet | None
    entries: Sequence[Entry] = ()
    late: Sequence[Entry] = ()
    reached: int = 0
    jobs: Sequence[Job] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    devices: frozenset[str] = frozenset()
    digests: tuple[str, str] | None = None
    claims: Mapping[str, str | None] = field(default_factory=dict)
    faults: tuple[Violation, ...] = ()
    unreadable: frozenset[str] = frozenset()
    loose_macs: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Up to where `entries` go."""
        return (
            self.wallet.version
            if self.wallet
            else max((entry.version for entry in self.entries), default=0)
        )

    @property
    def closed(self) -> bool:
        return self.wallet is not None and self.wallet.status is WalletStatus.CLOSED

    def is_there(self, sk: str, present: Iterable[str]) -> bool:
        return sk in present or sk in self.unreadable


@dataclass(frozen=True)
class Audit:
    """The result: how much was checked, and what is wrong."""

    users: int = 0
    open_users: int = 0
    entries: int = 0
    jobs: int = 0
    claims: int = 0
    idempotency_keys: int = 0
    violations: tuple[Violation, ...] = ()

    def plus(self, other: "Audit") -> "Audit":
        return Audit(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )


@dataclass(frozen=True)
class Progress:
    """How far a walk over the whole table has come: where it stands, what it found before that, and
    how many users were counted when it began (None: the count could not be read). Whoever goes on
    from it ends as if it had never stopped."""

    cursor: ScanCursor
    audit: Audit
    users_before: int | None

    @property
    def rest(self) -> ScanPlan:
        return ScanPlan(self.cursor.segments, start=self.cursor)


class AuditStopped(Exception):
    """An audit that did not come to its end: what it found so far, and where to go on."""

    def __init__(self, audit: Audit, cursor: ScanCursor, reason: str) -> None:
        super().__init__(reason)
        self.audit = audit
        self.cursor = cursor
        self.reason = reason


def audit_account(account: Account, mac_key: bytes) -> list[Violation]:
    """Every proof that one account allows, however little of it can be read."""
    found = list(account.faults)
    if account.wallet is not None:
        found += [Violation(_item(account, "METADATA"), fault) for fault in account.wallet.faults()]
    found += _chain_faults(account, mac_key)
    found += _job_faults(account)
    found += _key_faults(account)
    found += _identity_faults(account)
    return found


def type_mismatch(entity: object) -> str | None:
    """The name of a field whose value is not of the type it is declared with; None when all are."""
    if not is_dataclass(entity):
        return None
    wrong = (
        each.name for each in fields(entity) if not _fits(getattr(entity, each.name), each.type)
    )
    return next(wrong, None)


def _fits(value: object, kind: typing.Any) -> bool:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in arguments)
    if origin in (tuple, frozenset):
        return isinstance(value, origin) and all(_fits(part, arguments[0]) for part in value)
    if origin is not None:
        return isinstance(value, origin)
    if kind in (int, str):
        return isinstance(value, kind) and not isinstance(value, bool | Enum)
    return isinstance(value, kind) and type_mismatch(value) is None


def _item(account: Account, sk: str) -> str:
    return f"{user_partition(account.user_id)}/{sk}"


class _Chain:
    """Walks entries in order: gapless, each balance the one before plus its amount, each MAC over
    the one before, nothing negative. Behind a gap it goes on from what the next entry says."""

    def __init__(self, account: Account, mac_key: bytes) -> None:
        self._account = account
        self._key = mac_key
        self.running = Wallet(user_id=account.user_id)
        self.head: str | None = ""
        self.whole = True
        self.version = 0

    def walk(self, entries: Iterable[Entry]) -> Iterator[Violation]:
        for entry in entries:
            where = _item(self._account, ledger_keys.entry(self._account.user_id, entry.version).sk)
            yield from self._gap(entry)
            yield from (Violation(where, fault) for fault in self._step(entry))

    def _gap(self, entry: Entry) -> Iterator[Violation]:
        if entry.version == self.version + 1:
            return
        self.whole = False
        self.head = self._account.loose_macs.get(
            ledger_keys.entry(self._account.user_id, entry.version - 1).sk
        )
        change = deltas(entry)
        before = entry.credits - change.credits, entry.held - change.held
        self.running = replace(self.running, credits=before[0], held=before[1])
        for version in range(self.version + 1, entry.version):
            sk = ledger_keys.entry(self._account.user_id, version).sk
            if sk not in self._account.unreadable:
                yield Violation(_item(self._account, sk), "is missing")
                return

    def _step(self, entry: Entry) -> Iterator[str]:
        before, self.running = self.running, applied(self.running, deltas(entry))
        if (
            self.head is not None
            and mac(before.user_id, replace(entry, mac=""), self.head, self._key) != entry.mac
        ):
            yield "its MAC does not hold"
        if (entry.credits, entry.held) != (self.running.credits, self.running.held):
            yield "its balances are not those before it plus its amount"
        if self.whole and min(getattr(self.running, name) for name in _BALANCES) < 0:
            yield "a balance is negative behind it"
        self.head, self.version = entry.mac, entry.version


def _chain_faults(account: Account, mac_key: bytes) -> Iterator[Violation]:
    """The entries up to the wallet's version end in the wallet; those beyond go on from there, and
    the wallet with them."""
    chain = _Chain(account, mac_key)
    yield from chain.walk(account.entries)
    if account.wallet is not None:
        yield from (
            Violation(_item(account, "METADATA"), fault)
            for fault in _end_faults(account.wallet, chain, account)
        )
    yield from chain.walk(account.late)
    beyond = [entry.version for entry in account.late if entry.version > account.reached]
    if account.wallet is not None and beyond:
        yield Violation(
            _item(account, ledger_keys.entry(account.user_id, beyond[0]).sk),
            "stands beyond the wallet's version",
        )


def _end_faults(wallet: Wallet, chain: _Chain, account: Account) -> Iterator[str]:
    if chain.version != wallet.version:
        if ledger_keys.entry(wallet.user_id, wallet.version).sk not in account.unreadable:
            yield f"the wallet is at version {wallet.version}, its entries at {chain.version}"
        return
    if chain.head is not None and chain.head != wallet.head:
        yield "head is not the MAC of the last entry"
    for name in _BALANCES if chain.whole else ("credits", "held"):
        if getattr(chain.running, name) != getattr(wallet, name):
            yield f"{name} is {getattr(wallet, name)}, its entries say {getattr(chain.running, name)}"


def _job_faults(account: Account) -> Iterator[Violation]:
    """Each job has its one HOLD and, once ended, its one CAPTURE or RELEASE."""
    movements: dict[str, list[Entry]] = {}
    for entry in (*account.entries, *account.late):
        if entry.kind in _JOB_KINDS:
            movements.setdefault(entry.ref, []).append(entry)
    for job in account.jobs:
        where = _item(account, jobs_keys.JOB_PREFIX + job.job_id)
        for fault in (
            *_movement_faults(job, movements.get(job.job_id, []), account),
            *_state_faults(job),
        ):
            yield Violation(where, fault)
    present = {jobs_keys.JOB_PREFIX + job.job_id for job in account.jobs}
    for ref, entries in movements.items():
        if entries[0].version <= account.version and not account.is_there(
            jobs_keys.JOB_PREFIX + ref, present
        ):
            yield Violation(
                _item(account, jobs_keys.JOB_PREFIX + ref),
                "the ledger names a job that does not exist",
            )
    yield from _held_faults(account)


def _held_faults(account: Account) -> Iterator[Violation]:
    """Exact only where nothing moved while the account was read, and everything could be."""
    open_holds = sum(job.price for job in account.jobs if job.is_open)
    if (
        account.wallet is None
        or account.late
        or account.unreadable
        or open_holds == account.wallet.held
    ):
        return
    yield Violation(
        _item(account, "METADATA"), f"held is {account.wallet.held}, open jobs hold {open_holds}"
    )


def _movement_faults(job: Job, movements: Sequence[Entry], account: Account) -> Iterator[str]:
    """A job read as open may have ended since, by an entry beyond the version at which the wallet
    was read. An entry that cannot be read may be any that is missed."""
    kinds = [entry.kind for entry in movements]
    expected = [EntryKind.HOLD, *_ENDS[job.status]]
    since = [
        entry.kind
        for entry in movements
        if entry.version <= account.version or entry.kind is EntryKind.HOLD
    ]
    fits = kinds == expected or (job.is_open and len(kinds) == 2 and since == expected)
    if not fits and not (_some_entry_unreadable(account) and _is_part(kinds, expected)):
        yield f"{job.status} with movements {', '.join(kinds) or 'none'}"
    elif (
        any(entry.amount + entry.returned != job.price for entry in movements)
        or total_taken(job.allocation) != job.price
    ):
        yield "its movements are not its price"
    elif any(
        entry.allocation != job.allocation for entry in movements if entry.kind is EntryKind.HOLD
    ):
        yield "its HOLD took from other lots"


def _some_entry_unreadable(account: Account) -> bool:
    return any(sk.startswith(ledger_keys.ENTRY_PREFIX) for sk in account.unreadable)


def _is_part(kinds: Sequence[EntryKind], expected: Sequence[EntryKind]) -> bool:
    rest = iter(expected)
    return all(kind in rest for kind in kinds)


def _state_faults(job: Job) -> Iterator[str]:
    if job.status is JobStatus.SUCCEEDED and not job.video_url:
        yield "charged without a result"
    if (job.due_at is not None) != (job.is_open or job.watch_until is not None):
        yield "its due entry does not fit its state"
    if job.status is JobStatus.FAILED and job.failure is None:
        yield "failed without a reason"
    if bool(job.house_loss) != (job.status is JobStatus.FAILED and bool(job.video_url)):
        yield "house loss does not fit its state"


def _key_faults(account: Account) -> Iterator[Violation]:
    """The keys were read before the jobs, so each has its job by then."""
    present = {jobs_keys.JOB_PREFIX + job.job_id for job in account.jobs}
    for sk, job_id in account.keys.items():
        if not account.is_there(jobs_keys.JOB_PREFIX + job_id, present):
            yield Violation(_item(account, sk), f"stands for job {job_id}, which does not exist")


def _identity_faults(account: Account) -> Iterator[Violation]:
    """The profile is there, the claims and the device that it names are this user's, and so is each
    device of the wallet."""
    if account.closed:
        return
    if account.digests is None and not account.is_there("PROFILE", ()):
        yield Violation(_item(account, "PROFILE"), "is missing")
    for item, owner in account.claims.items():
        if owner != account.user_id:
            yield Violation(
                item, f"a claim of this user is missing or another's ({account.user_id})"
            )
    listed = account.wallet.fingerprints if account.wallet else frozenset()
    for digest in sorted(listed | ({account.digests[0]} if account.digests else set())):
        sk = users_keys.device(account.user_id, digest).sk
        if not account.is_there(sk, (users_keys.DEVICE_PREFIX + each for each in account.devices)):
            yield Violation(_item(account, sk), "is missing")
