"""The ledger's one verb that writes: every change of a wallet goes through `Ledger.move` (the money
protocol, section 3)."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.metrics import Metric, Metrics
from service.ledger import keys, store
from service.ledger.entities import Movement, OutcomeUnknown, Wallet, WalletBusy, WalletFrozen
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
)
from service.storage.writes import Write

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.01
MAX_PAUSE_SECONDS = 0.5
LOOK_PAUSES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Snapshot:
    """A wallet and the items asked for beside it, as they were at one moment."""

    wallet: Wallet | None
    related: tuple[Item | None, ...] = ()


@dataclass(frozen=True)
class Balance:
    """A wallet, and the moment at which its lots are to be judged."""

    wallet: Wallet | None
    at: int


@dataclass(frozen=True)
class ConditionalWrite:
    """A write of a business object, and what its refusal means: given the item that lies there
    (None: none), the error to raise, or None to look and decide again."""

    write: Write
    refusal: Callable[[Item | None], Exception | None]


@dataclass(frozen=True)
class CompanionWrites:
    """What rides along with a wallet write.

    `related`: keys to be seen in the same snapshot as the wallet. `writes`: the guarded writes for
    one attempt, asked for anew each time. `was_committed`: reads whether an earlier attempt of this
    very change is there."""

    writes: Callable[[Movement], Sequence[ConditionalWrite]]
    was_committed: Callable[[], bool]
    related: tuple[Key, ...] = ()


Decide = Callable[[Snapshot, int], Movement]


class _Again(Exception):
    """This attempt surely did not happen; look and decide again."""


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
        self._turns = wallet_locks
        self._mac_key = mac_key
        self._deadline_seconds = deadline_seconds
        self._jitter = jitter

    def read_snapshot(self, user_id: str, related: Sequence[Key] = ()) -> Snapshot:
        """The wallet, and other items as they were at the same moment, in one call. A write under
        way that is in the way of the snapshot is waited out. Raises `StorageUnavailable`."""
        for pause_seconds in LOOK_PAUSES_SECONDS if related else ():
            try:
                return self._read_snapshot(user_id, related)
            except NotApplied:
                self._clock.sleep(pause_seconds * self._jitter())
        return self._read_snapshot(user_id, related)

    def _read_snapshot(self, user_id: str, related: Sequence[Key]) -> Snapshot:
        if not related:
            item = self._table.get(keys.wallet(user_id))
            return Snapshot(store.wallet_from(item) if item else None)
        item, *others = self._table.get_together((keys.wallet(user_id), *related))
        return Snapshot(store.wallet_from(item) if item else None, tuple(others))

    def balance(self, user_id: str) -> Balance:
        """The wallet as it is now, in one read."""
        return Balance(self.read_snapshot(user_id).wallet, self._clock.now())

    def move(
        self, user_id: str, decide: Decide, also: CompanionWrites, snapshot: Snapshot | None = None
    ) -> Wallet:
        """Reads the wallet, lets `decide` (pure) make the movement, and writes wallet, entries and
        `also` in one transaction.

        `decide` is called with what was seen and the time, once per attempt; whatever it raises is
        the refusal. `snapshot` may spare the first read. Gives the wallet as written, or as read
        when an attempt whose answer was lost turns out to have landed.

        Raises the refusals of `decide` and `also`; `WalletBusy` when nothing but conflicts and
        throttles came until the deadline (nothing was written); `OutcomeUnknown` when an attempt
        may have landed or may yet; `WalletFrozen` for a damaged wallet; `TooManyWaiting`;
        `StorageUnavailable` when the table refuses or cannot be reached (nothing was written)."""
        with self._turns.turn(user_id) as waited:
            return self._until_settled(
                _Attempts(user_id, decide, also, self._deadline()), None if waited else snapshot
            )

    def apply_repair(self, writes: Sequence[Write]) -> None:
        """An operator's repair of what a restore has torn (`store.rebuilt_writes`): all of the
        writes or none, each guarded by what was read. Raises `Cancelled` (nothing was written) and
        `StorageUnavailable`."""
        self._table.transact(writes)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._deadline_seconds

    def _until_settled(self, attempts: "_Attempts", snapshot: Snapshot | None) -> Wallet:
        """The one retry loop of all wallet writes."""
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._attempt(
                    attempts,
                    snapshot or self.read_snapshot(attempts.user_id, attempts.also.related),
                )
            except (_Again, NotApplied, MaybeApplied) as error:
                snapshot, trouble = None, error
            except FareboxError as error:
                if attempts.in_doubt:
                    raise OutcomeUnknown from error
                raise
            if self._clock.monotonic() >= attempts.deadline:
                return self._last_look(attempts, trouble)
            self._clock.sleep(pause_seconds * self._jitter())
            pause_seconds = min(2 * pause_seconds, MAX_PAUSE_SECONDS)

    def _attempt(self, attempts: "_Attempts", snapshot: Snapshot) -> Wallet:
        if attempts.was_committed(snapshot.wallet):
            return _existing(snapshot)
        movement = store.sealed(attempts.decide(snapshot, self._clock.now()), self._mac_key)
        if movement.wallet.faults():
            self._freeze(movement.wallet, snapshot.wallet, movement.wallet.faults())
        guarded = attempts.also.writes(movement)
        entries = store.entry_writes(movement)
        writes = [
            store.wallet_write(snapshot.wallet, movement.wallet),
            *entries,
            *(each.write for each in guarded),
        ]
        try:
            self._table.transact(writes)
        except MaybeApplied:
            attempts.doubt(snapshot.wallet)
            raise
        except Cancelled as cancelled:
            self._explain(cancelled, snapshot.wallet, movement, guarded)
        return movement.wallet

    def _explain(
        self,
        cancelled: Cancelled,
        before: Wallet | None,
        movement: Movement,
        guarded: Sequence[ConditionalWrite],
    ) -> NoReturn:
        """The wallet is believed before anything else: if it has moved, nothing that was decided on
        it counts."""
        if 0 in cancelled.refused:
            raise _Again
        first_guarded = 1 + len(movement.entries)
        if any(position < first_guarded for position in cancelled.refused):
            self._freeze(movement.wallet, before, ["an entry stands beyond the wallet's version"])
        for position, item in sorted(cancelled.refused.items()):
            refusal = guarded[position - first_guarded].refusal(item)
            if refusal is not None:
                raise refusal
        raise _Again

    def _freeze(self, wallet: Wallet, before: Wallet | None, faults: list[str]) -> NoReturn:
        """Damage (a torn restore, a hand in the table): nothing is written over it, spending stops,
        an operator is called."""
        log.error(
            "ledger_damaged", user_id=wallet.user_id, wallet_version=wallet.version, faults=faults
        )
        self._metrics.count(Metric.LEDGER_DAMAGED)
        if before is not None:
            with contextlib.suppress(ConditionFailed):
                self._table.write(store.freeze_write(before))
        raise WalletFrozen

    def _last_look(self, attempts: "_Attempts", trouble: Exception) -> Wallet:
        """At the deadline: the truth if reading shows it, `OutcomeUnknown` if it does not. Without
        doubt, the trouble decides: a table that did not answer is not a busy wallet."""
        if not attempts.in_doubt:
            raise trouble if isinstance(trouble, MaybeApplied | NotReached) else WalletBusy
        try:
            snapshot = self.read_snapshot(attempts.user_id)
            was_committed = attempts.was_committed(snapshot.wallet)
        except StorageUnavailable as error:
            raise OutcomeUnknown from error
        if was_committed:
            return _existing(snapshot)
        raise OutcomeUnknown if attempts.in_doubt else WalletBusy


class _Attempts:
    """The attempts of one `move`, and whether one of them may have landed or may yet."""

    def __init__(
        self, user_id: str, decide: Decide, also: CompanionWrites, deadline: float
    ) -> None:
        self.user_id = user_id
        self.decide = decide
        self.also = also
        self.deadline = deadline
        self.in_doubt = False
        self._expected_version = 0

    def doubt(self, wallet: Wallet | None) -> None:
        """An attempt that expects this wallet got no answer."""
        self.in_doubt = True
        self._expected_version = _version(wallet)

    def was_committed(self, wallet: Wallet | None) -> bool:
        """Whether an attempt in doubt is there, given a wallet read just now. Once the wallet has
        moved on, every attempt that expected the old version is either in it or can never be."""
        if not self.in_doubt or _version(wallet) == self._expected_version:
            return False
        self.in_doubt = was_committed = self.also.was_committed()
        return was_committed


def _version(wallet: Wallet | None) -> int:
    return wallet.version if wallet else 0


def _existing(snapshot: Snapshot) -> Wallet:
    if snapshot.wallet is None:
        raise LookupError("a wallet that an attempt has written cannot be absent")
    return snapshot.wallet
