"""The ledger's one verb that writes: every change of a wallet goes through `Ledger.move`
(docs/architecture.md, "How credits move")."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.metrics import Metric, Metrics
from service.ledger import keys, store
from service.ledger.entities import (
    Balance,
    Entry,
    Movement,
    OutcomeUnknown,
    StaleRead,
    Wallet,
    WalletBusy,
    WalletFrozen,
)
from service.ledger.wallet_locks import WalletLocks
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import (
    Cancelled,
    ConditionFailed,
    MaybeApplied,
    NotApplied,
    NotReached,
    StorageUnavailable,
    Table,
    TableSaturated,
)
from service.storage.writes import Write

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.01
MAX_PAUSE_SECONDS = 0.5
# How long conflicts are waited out in the read that settles a doubt after the deadline.
LAST_READ_SECONDS = 1.0
# The table did not serve the call: no sign of a busy wallet.
UNSERVED = (MaybeApplied, NotReached, TableSaturated)


@dataclass(frozen=True)
class Snapshot:
    """A wallet and the related items that were read with it, as they were at one moment."""

    wallet: Wallet | None
    related: Mapping[Key, Item | None] = field(default_factory=dict)

    def item(self, key: Key) -> Item | None:
        """A related item, None if there is none. Raises `KeyError` for one that was not read."""
        return self.related[key]


@dataclass(frozen=True)
class ConditionalWrite:
    """A write of a business object. `refusal` is the error that its failed condition means; None:
    something has changed since the snapshot, so read again and propose anew."""

    write: Write
    refusal: Exception | None = None


@dataclass(frozen=True)
class Proposal:
    """What one attempt would write, all of it or nothing: the wallet's change, and the business
    objects' own writes."""

    movement: Movement
    writes: Sequence[ConditionalWrite] = ()


Propose = Callable[[Snapshot, int], Proposal | None]
WasCommitted = Callable[[Snapshot], bool]
# What is to be written together with a movement of the wallet that was read, at that time. Pure.
FollowUp = Callable[[Wallet | None, Movement, int], Sequence[Write]]


@dataclass(frozen=True)
class Moved:
    """The end of a move that was not refused.

    `movement` is what this call wrote at the time `at`. It is None where this call knows of no
    write of its own: the proposal was to change nothing, or an attempt without a response turned
    out to have been committed; then `snapshot` shows what is stored. `started_at` is the monotonic
    time of the first attempt, after any wait for the wallet's lock."""

    snapshot: Snapshot
    movement: Movement | None
    at: int
    started_at: float

    @property
    def wallet(self) -> Wallet:
        """The wallet as it stands now."""
        wallet = self.movement.wallet if self.movement else self.snapshot.wallet
        if wallet is None:
            raise LookupError("a wallet that was moved cannot be absent")
        return wallet


class Ledger:
    """Reads wallets and moves them. Knows no job, no provider, no purchase."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        metrics: Metrics,
        wallet_locks: WalletLocks,
        mac_key: bytes,
        deadline_seconds: float,
        jitter: Callable[[], float],
    ) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._wallet_locks = wallet_locks
        self._mac_key = mac_key
        self._deadline_seconds = deadline_seconds
        self._jitter = jitter
        self._follow_ups: list[FollowUp] = []

    def follow(self, follow_up: FollowUp) -> None:
        """Has every movement's transaction include what `follow_up` returns for it. A failed
        condition of such a write means that something has changed: the wallet is read again, and
        the movement proposed anew. To be called while the process is put together."""
        self._follow_ups.append(follow_up)

    def read_snapshot(self, user_id: str, related: Sequence[Key] = ()) -> Snapshot:
        """The wallet and other items as they were at one moment, in one call. Waits for a busy
        wallet as `move` does. Raises `WalletBusy` when nothing but conflicts and throttles came
        until the deadline, and `StorageUnavailable`."""
        try:
            until = self._clock.monotonic() + self._deadline_seconds
            return self._snapshot_by(until, user_id, related)
        except UNSERVED:
            raise
        except NotApplied as error:
            raise WalletBusy from error

    def _snapshot_by(self, until: float, user_id: str, related: Sequence[Key]) -> Snapshot:
        """DynamoDB refuses to read an item together with others while a transaction writes it, and
        any item of a partition that is throttled: both are waited out, but not beyond `until`
        (monotonic seconds). Raises `NotApplied` then, and `StorageUnavailable`."""
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._read_snapshot(user_id, related)
            except TableSaturated:
                raise
            except NotApplied:
                jittered_seconds = pause_seconds * self._jitter()
                if self._clock.monotonic() + jittered_seconds >= until:
                    raise
                self._clock.sleep(jittered_seconds)
                pause_seconds = min(2 * pause_seconds, MAX_PAUSE_SECONDS)

    def _read_snapshot(self, user_id: str, related: Sequence[Key]) -> Snapshot:
        if not related:
            item = self._table.get(keys.wallet(user_id))
            return Snapshot(store.wallet_from(item) if item else None)
        item, *others = self._table.get_together((keys.wallet(user_id), *related))
        wallet = store.wallet_from(item) if item else None
        return Snapshot(wallet, dict(zip(related, others, strict=True)))

    def entries(self, user_id: str) -> Iterator[Entry]:
        """Every entry of a wallet, in order, read page by page; none for an unknown user."""
        return store.entries(self._table, user_id)

    def newest_entries(self, user_id: str, limit: int, below: int | None = None) -> list[Entry]:
        """The newest entries, newest first; with `below`, those before that version."""
        return store.newest_entries(self._table, user_id, limit, below)

    def balance(self, user_id: str) -> Balance:
        """The wallet as it is now, in one read. Raises `StorageUnavailable`."""
        return Balance(self._read_snapshot(user_id, ()).wallet, self._clock.now())

    def move(
        self,
        user_id: str,
        propose: Propose,
        was_committed: WasCommitted,
        *,
        related: Sequence[Key] = (),
        evidence: Sequence[Key] = (),
        snapshot: Snapshot | None = None,
        wait_limit_seconds: float | None = None,
    ) -> Moved:
        """Reads the wallet, and writes what `propose` makes of it in one transaction.

        `propose` is pure. Each attempt calls it with a snapshot of the wallet and the `related`
        items, and the time; it returns the proposal (None: nothing is to be done), and whatever it
        raises is the refusal. After an attempt without a response the snapshot holds the `evidence`
        as well, and `was_committed` says from it whether that attempt is stored. A `snapshot` of
        the wallet and the related items may spare the first read. `wait_limit_seconds` bounds the
        wait for the wallet's lock.

        Raises the refusals of `propose` and of its writes; `WalletBusy` when conflicts or throttles
        kept coming until the deadline (nothing was written); `OutcomeUnknown` when an
        attempt may have been committed or may yet be; `WalletFrozen` for a damaged wallet;
        `TooManyWaiting`; `StorageUnavailable` when the table refuses or cannot be reached. But for
        `OutcomeUnknown`, nothing was written, whatever it raises."""
        with self._wallet_locks.locked(user_id, wait_limit_seconds) as waited:
            attempts = _Attempts(user_id, propose, was_committed, related, evidence)
            attempts.started_at = self._clock.monotonic()
            return self._settled(attempts, None if waited else snapshot)

    def apply_repair(self, writes: Sequence[Write]) -> None:
        """An operator's repair of what a restore has torn (`store.rebuilt_writes`): all of the
        writes or none, each guarded by what was read. Raises `Cancelled` (nothing was written) and
        `StorageUnavailable`."""
        self._table.transact(writes)

    def _settled(self, attempts: "_Attempts", snapshot: Snapshot | None) -> Moved:
        try:
            return self._until_settled(attempts, snapshot)
        except Exception as error:
            if isinstance(error, FareboxError | StaleRead) or not attempts.in_doubt:
                raise
            log.exception("move_failed_in_doubt", user_id=attempts.user_id)
            raise OutcomeUnknown from error

    def _until_settled(self, attempts: "_Attempts", snapshot: Snapshot | None) -> Moved:
        """The one retry loop of all wallet writes."""
        attempts.deadline = attempts.started_at + self._deadline_seconds
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            result = self._attempt(attempts, snapshot)
            if isinstance(result, Moved):
                return result
            snapshot = None
            attempts.contended |= not isinstance(result, UNSERVED)
            if self._clock.monotonic() >= attempts.deadline:
                return self._at_deadline(attempts, result)
            self._clock.sleep(pause_seconds * self._jitter())
            pause_seconds = min(2 * pause_seconds, MAX_PAUSE_SECONDS)

    def _attempt(self, attempts: "_Attempts", snapshot: Snapshot | None) -> Moved | Exception:
        """One attempt. Returns what prevented it when another may succeed. While an earlier one is
        in doubt no refusal is final: that attempt may have made it untrue."""
        try:
            current = snapshot or self._reread(attempts, attempts.deadline)
            if attempts.were_committed(current):
                return self._moved(attempts, current)
            now = self._clock.now()
            proposal = attempts.propose(current, now)
            if proposal is None and attempts.in_doubt:
                raise OutcomeUnknown
            if proposal is None:
                return self._moved(attempts, current)
            return self._commit(attempts, current, proposal, now)
        except (NotApplied, MaybeApplied) as error:
            return error
        except (FareboxError, StaleRead) as refusal:
            if attempts.in_doubt:
                raise OutcomeUnknown from refusal
            raise

    def _reread(self, attempts: "_Attempts", until: float) -> Snapshot:
        return self._snapshot_by(until, attempts.user_id, attempts.keys())

    def _commit(
        self, attempts: "_Attempts", snapshot: Snapshot, proposal: Proposal, now: int
    ) -> Moved | Exception:
        """Sends one transaction. Returns `StaleRead` when its conditions no longer held."""
        movement = store.sealed(proposal.movement, self._mac_key)
        if movement.wallet.faults():
            self._freeze(movement.wallet, snapshot.wallet, movement.wallet.faults())
        conditional = [*proposal.writes, *self._following(snapshot.wallet, movement, now)]
        writes = [
            store.wallet_write(snapshot.wallet, movement.wallet),
            *store.entry_writes(movement),
            *(each.write for each in conditional),
        ]
        try:
            self._table.transact(writes)
        except Cancelled as cancelled:
            return self._explained(cancelled, snapshot.wallet, movement, conditional)
        except Exception as error:
            # No one knows how far an error came that no one foresaw.
            if isinstance(error, MaybeApplied) or not isinstance(error, StorageUnavailable):
                attempts.doubt(snapshot.wallet)
            raise
        return self._moved(attempts, snapshot, movement, now)

    def _following(
        self, before: Wallet | None, movement: Movement, now: int
    ) -> Iterator[ConditionalWrite]:
        for follow_up in self._follow_ups:
            yield from map(ConditionalWrite, follow_up(before, movement, now))

    def _explained(
        self,
        cancelled: Cancelled,
        before: Wallet | None,
        movement: Movement,
        conditional: Sequence[ConditionalWrite],
    ) -> StaleRead:
        """What a cancelled transaction means. The wallet is checked first: if it has moved,
        nothing that was decided on it counts. Raises the first refusal."""
        if 0 in cancelled.refused:
            return StaleRead("the wallet has moved")
        first = 1 + len(movement.entries)
        if any(position < first for position in cancelled.refused):
            self._freeze(movement.wallet, before, ["an entry stands beyond the wallet's version"])
        for position in sorted(cancelled.refused):
            refusal = conditional[position - first].refusal
            if refusal is not None:
                raise refusal
        return StaleRead("a related item has changed")

    def _freeze(self, wallet: Wallet, before: Wallet | None, faults: list[str]) -> NoReturn:
        """Damage (a torn restore, an edit by hand): nothing is written over it, spending stops, an
        operator is called."""
        log.error(
            "ledger_damaged", user_id=wallet.user_id, wallet_version=wallet.version, faults=faults
        )
        self._metrics.count(Metric.LEDGER_DAMAGED)
        if before is not None:
            with contextlib.suppress(ConditionFailed):
                self._table.write(store.freeze_write(before))
        raise WalletFrozen

    def _at_deadline(self, attempts: "_Attempts", trouble: Exception) -> Moved:
        """The truth if a last read shows it, `OutcomeUnknown` if it does not. Without doubt, a
        wallet that others were writing is busy, whatever the last attempt met; a table that served
        no attempt is not."""
        if not attempts.in_doubt:
            raise WalletBusy if attempts.contended else trouble
        try:
            snapshot = self._reread(attempts, self._clock.monotonic() + LAST_READ_SECONDS)
        except StorageUnavailable as error:
            raise OutcomeUnknown from error
        if attempts.were_committed(snapshot):
            return self._moved(attempts, snapshot)
        raise OutcomeUnknown if attempts.in_doubt else WalletBusy

    def _moved(
        self,
        attempts: "_Attempts",
        snapshot: Snapshot,
        movement: Movement | None = None,
        at: int | None = None,
    ) -> Moved:
        moment = self._clock.now() if at is None else at
        return Moved(snapshot, movement, moment, attempts.started_at)


class _Attempts:
    """The attempts of one `move`, and whether one of them may have been committed or may yet be."""

    def __init__(
        self,
        user_id: str,
        propose: Propose,
        was_committed: WasCommitted,
        related: Sequence[Key],
        evidence: Sequence[Key],
    ) -> None:
        self.user_id = user_id
        self.propose = propose
        self.in_doubt = False
        self.contended = False
        self.started_at = 0.0
        self.deadline = 0.0
        self._was_committed = was_committed
        self._related = tuple(related)
        self._evidence = tuple(evidence)
        self._expected_version = 0

    def keys(self) -> tuple[Key, ...]:
        """What to read with the wallet."""
        extra = self._evidence if self.in_doubt else ()
        return tuple(dict.fromkeys((*self._related, *extra)))

    def doubt(self, wallet: Wallet | None) -> None:
        """An attempt that expects this wallet got no response."""
        self.in_doubt = True
        self._expected_version = _version(wallet)

    def were_committed(self, snapshot: Snapshot) -> bool:
        """Whether an attempt in doubt is stored, judged from a snapshot read just now. Once the
        wallet has moved on, every attempt that expected the old version is either in it or can
        never be; until then it may still arrive."""
        if not self.in_doubt or _version(snapshot.wallet) == self._expected_version:
            return False
        self.in_doubt = was_committed = self._was_committed(snapshot)
        return was_committed


def _version(wallet: Wallet | None) -> int:
    return wallet.version if wallet else 0
