"""Erasing a user: a durable sequence that goes on wherever it was interrupted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from service.core.clock import Clock
from service.core.erasure import DependencyUnavailable, ErasureStep, StepOutcome
from service.core.errors import FareboxError
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.erasure import keys, store
from service.erasure.entities import (
    BY_USER,
    CLOSING_STEP,
    MAX_REASON,
    Erasure,
    ErasureNotFound,
    ErasureState,
    phases,
    requested,
    step_names,
)
from service.erasure.notices import Notice, notice_write
from service.ledger.details import REQUEST_ID, Details
from service.ledger.entities import (
    UserNotFound,
    Wallet,
    WalletStatus,
    check_enabled,
    check_session,
)
from service.ledger.movements import begin_closing, close
from service.ledger.operations import ConditionalWrite, Ledger, Moved, Proposal, Snapshot
from service.storage.data_keys import erasure_writes
from service.storage.keys import GSI2, Key, data_key, due_time
from service.storage.table import ConditionFailed, IndexHit, Table
from service.storage.writes import Update, When
from service.users.operations import Users

log = structlog.get_logger()

MAX_LISTED = 100
POSTPONE_MILLISECONDS = 60_000
_REF = "erasure"

Steps = Callable[[], Sequence[ErasureStep]]


@dataclass(frozen=True)
class ErasureRequest:
    """The wish to erase one user, and everything that decides it. Pure."""

    user_id: str
    requested_by: str
    mac_key: bytes
    ref: str = _REF
    notice: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        """To be read with the wallet."""
        return keys.erasure(self.user_id)

    def propose(self, snapshot: Snapshot, now: int, details: Details) -> Proposal | None:
        """What begins the erasure; None if it has begun before. Raises `UserNotFound`,
        and `AccountDisabled` where the user requests it."""
        wallet, before = snapshot.wallet, erasure_in(snapshot, self.user_id)
        if wallet is None:
            raise UserNotFound
        if self.requested_by == BY_USER:
            check_enabled(disabled=wallet.disabled)
        if wallet.status is WalletStatus.CLOSED:
            if before is None:
                raise UserNotFound
            return None
        if wallet.status is WalletStatus.CLOSING and is_running(before):
            return None
        movement = begin_closing(wallet, self.ref, now, details=details)
        entry = movement.entries[-1]
        erasure = requested(
            self.user_id, self.requested_by, entry.version, entry.at, self.mac_key, self.notice
        )
        return Proposal(movement, [ConditionalWrite(store.request_write(before, erasure))])


class Erasures:
    """Begins erasures, reports on them, and carries them on."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        users: Users,
        clock: Clock,
        metrics: Metrics,
        mac_key: bytes,
        steps: Steps,
        notice: Notice,
    ) -> None:
        """`steps` are read when an erasure is carried on: features that are built later register
        theirs as well."""
        self._notice = notice
        self._table = table
        self._ledger = ledger
        self._users = users
        self._clock = clock
        self._metrics = metrics
        self._mac_key = mac_key
        self._steps = steps

    @property
    def step_names(self) -> tuple[str, ...]:
        """All that an erasure has to do, in order."""
        return step_names(self._steps())

    def request_of(self, user_id: str, requested_by: str, ref: str = _REF) -> ErasureRequest:
        """For a transaction of the caller. Raises `StorageUnavailable`."""
        notice = self._notice(user_id)
        return ErasureRequest(user_id, requested_by, self._mac_key, ref, notice)

    def request(self, user_id: str, request_id: str, caller: Principal | None = None) -> Erasure:
        """Begins the user's erasure: from here on nothing new is held, and nothing redeemed. Again
        without effect. `caller` is who requests it by a token. Raises `UserNotFound`,
        `AccessTokenRevoked` for a token whose session was ended, and what `Ledger.move` raises."""
        wish = self.request_of(user_id, BY_USER)

        def propose(snapshot: Snapshot, now: int) -> Proposal | None:
            _check_token(snapshot.wallet, caller)
            return wish.propose(snapshot, now, {REQUEST_ID: request_id})

        def was_committed(snapshot: Snapshot) -> bool:
            return is_running(erasure_in(snapshot, user_id))

        moved = self._ledger.move(user_id, propose, was_committed, related=(wish.key,))
        return self._begun(user_id, moved)

    def _begun(self, user_id: str, moved: Moved) -> Erasure:
        if moved.movement is None:
            found = erasure_in(moved.snapshot, user_id)
            if found is None:
                raise LookupError("an erasure that has begun is stored")
            return found
        log.info("erasure_requested", user_id=user_id)
        entry = moved.movement.entries[-1]
        return requested(user_id, BY_USER, entry.version, entry.at, self._mac_key)

    def read(self, user_id: str, caller: Principal | None = None) -> Erasure:
        """The user's erasure, running or ended. `caller` is who requests it by a token. Raises
        `ErasureNotFound`, also for a user who has come back since, `AccessTokenRevoked`, and
        `StorageUnavailable`."""
        snapshot = self._ledger.read_snapshot(user_id, (keys.erasure(user_id),))
        _check_token(snapshot.wallet, caller)
        erasure = erasure_in(snapshot, user_id)
        if erasure is None or snapshot.wallet is None or not snapshot.wallet.is_leaving:
            raise ErasureNotFound
        return erasure

    def running(self) -> list[Erasure]:
        """At most 100 erasures that have not ended, oldest first. The index lags."""
        hits = (
            hit
            for partition in keys.DUE_ERASURES.partitions
            for hit in self._table.query_index(GSI2, partition, limit=MAX_LISTED)
        )
        items = (self._table.get(hit.key) for hit in hits)
        found = (store.erasure_from(item) for item in items if item is not None)
        running = (each for each in found if is_running(each))
        return sorted(running, key=lambda each: (each.requested_at, each.user_id))

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        """Those that are to be carried on now: hints."""
        up_to = due_time(self._clock.now())
        return self._table.query_index(GSI2, partition, limit=limit, up_to=up_to)

    def carry_on(self, key: Key) -> bool:
        """Does all that can be done now of an erasure that is due, and records each step that is
        done. Returns whether it has ended. Another process that is at it is left alone.

        Raises `StorageUnavailable`, what `Ledger.move` raises, and `ValueError` for an erasure that
        this service did not write so."""
        item = self._table.get(key)
        erasure = store.erasure_from(item) if item else None
        if erasure is None or not erasure.is_due(self._clock.now()):
            return False
        self._require_sealed(erasure)
        claimed = self._changed(erasure, erasure.claimed(self._clock.now()))
        return claimed is not None and self._carried_on(claimed)

    def _carried_on(self, erasure: Erasure) -> bool:
        age = erasure.age_milliseconds(self._clock.now())
        self._metrics.gauge(Metric.ERASURE_AGE_SECONDS, age / 1000)
        wallet = self._ledger.balance(erasure.user_id).wallet
        if wallet is None or not wallet.is_leaving:
            # A torn restore, or an edit: the audit names it, and no one's data goes without it.
            log.error("erasure_without_closing_wallet", user_id=erasure.user_id)
            self._metrics.count(Metric.LEDGER_DAMAGED)
            return False
        stepped = self._stepped(erasure)
        return stepped is not None and self._closed(stepped)

    def _stepped(self, erasure: Erasure) -> Erasure | None:
        """The erasure once every step is done; None if one is not, or another process is at it."""
        current: Erasure | None = erasure
        for steps in phases(self._steps()):
            held_up: dict[str, str] = {}
            for step in steps:
                if current is None:
                    return None
                if step.name in current.done:
                    continue
                why = self._run(step, current.user_id)
                if why:
                    held_up[step.name] = why
                else:
                    now = self._clock.now()
                    current = self._changed(current, current.with_done(step.name, now))
            if current is not None and held_up:
                self._changed(current, current.with_held_up(held_up))
                return None
        return current

    def _run(self, step: ErasureStep, user_id: str) -> str:
        """Empty once the step is done; else why it is not."""
        try:
            outcome = step.run(user_id)
        except (FareboxError, DependencyUnavailable) as error:
            reason = error.code if isinstance(error, FareboxError) else type(error).__name__
            log.warning(
                "erasure_step_failed",
                user_id=user_id,
                step=step.name,
                reason=reason,
                said=str(error),
            )
            return reason
        except Exception as error:
            log.exception("erasure_step_failed", user_id=user_id, step=step.name)
            return type(error).__name__[:MAX_REASON]
        return "" if outcome is StepOutcome.DONE else StepOutcome.WAITING.value

    def _closed(self, erasure: Erasure) -> bool:
        """Closes the wallet, counts one user less, destroys the user's data key and ends the
        erasure, all in one transaction. Not while credits are held."""
        closing = _Closing(erasure, self._users.departure())
        moved = self._ledger.move(
            erasure.user_id, closing.propose, closing.was_committed, related=closing.keys
        )
        if moved.movement is None and moved.wallet.status is not WalletStatus.CLOSED:
            self._changed(erasure, erasure.with_held_up({CLOSING_STEP: StepOutcome.WAITING.value}))
            return False
        if moved.movement is None:
            self._end_torn(erasure, moved.snapshot)
        log.info("erasure_finished", user_id=erasure.user_id)
        self._metrics.count(Metric.ERASURES)
        return True

    def _end_torn(self, erasure: Erasure, snapshot: Snapshot) -> None:
        """Ends what a restore has left without its end: the wallet is closed already."""
        found = erasure_in(snapshot, erasure.user_id)
        if found is not None and is_running(found):
            writes = _end_writes(found, snapshot, self._clock.now())
            self._table.transact([each.write for each in writes])

    def _changed(self, before: Erasure, after: Erasure) -> Erasure | None:
        """The change as stored; None if another process was faster."""
        try:
            self._table.write(store.change_write(before, after))
        except ConditionFailed:
            return None
        return after

    def _require_sealed(self, erasure: Erasure) -> None:
        if not erasure.is_sealed(self._mac_key):
            self._metrics.count(Metric.LEDGER_DAMAGED)
            raise ValueError(f"the erasure of {erasure.user_id} is not as this service wrote it")

    def postpone(self, hit: IndexHit) -> None:
        """Moves the next attempt at one that cannot even be read."""
        later = due_time(self._clock.now() + POSTPONE_MILLISECONDS)
        write = Update(hit.key, When(equals={"GSI2SK": hit.sort}), set={"GSI2SK": later})
        try:
            self._table.write(write)
        except ConditionFailed:
            return


@dataclass(frozen=True)
class _Closing:
    """The end of one erasure. Pure."""

    erasure: Erasure
    departure: ConditionalWrite

    @property
    def keys(self) -> tuple[Key, ...]:
        user_id = self.erasure.user_id
        return keys.erasure(user_id), data_key(user_id)

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """None for a wallet that is closed, or holds credits."""
        wallet = snapshot.wallet
        if wallet is None or wallet.status is not WalletStatus.CLOSING or wallet.held:
            return None
        found = erasure_in(snapshot, self.erasure.user_id)
        if found is None or not is_running(found):
            return None
        writes = [self.departure, *_end_writes(found, snapshot, now)]
        return Proposal(close(wallet, _REF, now), writes)

    def was_committed(self, snapshot: Snapshot) -> bool:
        return not is_running(erasure_in(snapshot, self.erasure.user_id))


def _check_token(wallet: Wallet | None, caller: Principal | None) -> None:
    """A token that is older than the closing of the account may still follow the erasure, but not
    one whose session was ended: it may be a thief's. Raises `AccessTokenRevoked`."""
    if wallet is not None and caller is not None:
        check_session(wallet.sessions_valid_from, caller)


def erasure_in(snapshot: Snapshot, user_id: str) -> Erasure | None:
    item = snapshot.item(keys.erasure(user_id))
    return store.erasure_from(item) if item else None


def is_running(erasure: Erasure | None) -> bool:
    return erasure is not None and erasure.state is ErasureState.RUNNING


def _end_writes(erasure: Erasure, snapshot: Snapshot, now: int) -> list[ConditionalWrite]:
    """The end of the erasure, and of the user's data key, and the mail that reports it."""
    user_id = erasure.user_id
    ended = store.change_write(erasure, erasure.finished(now))
    keys_gone = erasure_writes(user_id, snapshot.item(data_key(user_id)), now)
    mails = [] if erasure.notice is None else [notice_write(user_id, erasure.notice, now)]
    return list(map(ConditionalWrite, (ended, *keys_gone, *mails)))
