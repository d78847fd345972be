"""Operators' corrections of a wallet. Each moves it by one entry, and the record of the action is
written in the same transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from service.admin.entities import (
    Action,
    Approval,
    Terms,
    UserDisabled,
    UserNotDisabled,
    WalletNotFrozen,
    WalletNotOpen,
)
from service.admin.log import OperatorLog
from service.admin.operations import Performed
from service.core.amounts import Amount
from service.core.clock import Clock
from service.erasure.entities import ErasureRunning
from service.erasure.operations import ErasureRequest
from service.ledger.details import OPERATOR_ID, REASON, Details
from service.ledger.entities import EntryKind, UserNotFound, Wallet, WalletStatus
from service.ledger.grants import Grant, GrantSource, grant_key, grant_proposal
from service.ledger.movements import adjust, disable, edit_lot, enable, freeze, thaw, void
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.storage.keys import Key

ENTRY = "entry"

Propose = Callable[[Snapshot, int, Details], Proposal]
Extra = Callable[[], Sequence[ConditionalWrite]]


def nothing_else() -> Sequence[ConditionalWrite]:
    return ()


@dataclass(frozen=True)
class Corrected:
    """The action as it was recorded, and the wallet as it is at the time `at`; `approval` is the
    request that waits, if nothing has moved yet."""

    performed: Performed
    wallet: Wallet
    at: int
    approval: Approval | None = None

    @property
    def available(self) -> Amount:
        return self.wallet.spendable(self.at)


class Corrections:
    """Every method raises `UserNotFound`, `ActionKeyReused`, `LogDamaged` and what `Ledger.move`
    and `OperatorLog.sealed` raise. The same idempotency key again moves nothing twice."""

    def __init__(
        self,
        ledger: Ledger,
        log: OperatorLog,
        clock: Clock,
        end_sessions: Callable[[str], object],
    ) -> None:
        """`end_sessions` ends all sessions of a user, and can be repeated."""
        self._end_sessions = end_sessions
        self._ledger = ledger
        self._log = log
        self._clock = clock

    def adjust(self, action: Action, terms: Terms, extra: Extra = nothing_else) -> Corrected:
        """Adds the action's amount as a lot, or takes it (below 0) from one lot or in burn order,
        with the writes of `extra` in the same transaction. Raises `InsufficientCredits` for more
        than is there, `LotNotFound` and `ExpiryInvalid`."""
        amount = action.amount or 0
        adjust_by = self._add if amount > 0 else self._take
        return adjust_by(action, amount, terms, extra)

    def _add(self, action: Action, amount: Amount, terms: Terms, extra: Extra) -> Corrected:
        grant = Grant(
            GrantSource.ADJUSTMENT,
            action.digest,
            action.subject or "",
            amount,
            terms.kind,
            terms.expires_at,
            terms.restriction,
        )

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            named = replace(grant, details=details)
            return _with(grant_proposal(snapshot, named, now, EntryKind.ADJUST), extra())

        return self.correct(action, propose, grant_key(grant))

    def _take(self, action: Action, amount: Amount, terms: Terms, extra: Extra) -> Corrected:
        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet, ref = _known(snapshot), _ref(action)
            movement = adjust(wallet, amount, ref, now, lot_id=terms.lot_id, details=details)
            return _with(Proposal(movement), extra())

        return self.correct(action, propose)

    def void(self, action: Action, lot_id: str) -> Corrected:
        """Ends one lot. Raises `LotNotFound`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            return Proposal(void(_known(snapshot), lot_id, _ref(action), now, details=details))

        return self.correct(action, propose)

    def edit_lot(self, action: Action, lot_id: str, expires_at: int | None) -> Corrected:
        """Moves the end of one lot (None: it never expires). Raises `LotNotFound` and
        `ExpiryInvalid`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet, ref = _known(snapshot), _ref(action)
            return Proposal(edit_lot(wallet, lot_id, expires_at, ref, now, details=details))

        return self.correct(action, propose)

    def freeze(self, action: Action) -> Corrected:
        """Stops spending; open jobs still settle. Raises `WalletNotOpen`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet = _known(snapshot)
            if wallet.status is not WalletStatus.OPEN:
                raise WalletNotOpen
            return Proposal(freeze(wallet, _ref(action), now, details=details))

        return self.correct(action, propose)

    def thaw(self, action: Action) -> Corrected:
        """Lets a frozen wallet spend again. Raises `WalletNotFrozen`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet = _known(snapshot)
            if wallet.status is not WalletStatus.FROZEN:
                raise WalletNotFrozen
            return Proposal(thaw(wallet, _ref(action), now, details=details))

        return self.correct(action, propose)

    def disable(self, action: Action) -> Corrected:
        """Refuses every request of the user from now on, and ends their sessions; open jobs still
        settle. A process that dies in between leaves sessions that nothing accepts: the same action
        again ends them. Raises `UserDisabled`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet = _known(snapshot)
            if wallet.disabled:
                raise UserDisabled
            return Proposal(disable(wallet, _ref(action), now, details=details))

        corrected = self.correct(action, propose)
        self._end_sessions(action.subject or "")
        return corrected

    def enable(self, action: Action) -> Corrected:
        """Admits a disabled user again, who signs in anew. Raises `UserNotDisabled`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet = _known(snapshot)
            if not wallet.disabled:
                raise UserNotDisabled
            return Proposal(enable(wallet, _ref(action), now, details=details))

        return self.correct(action, propose)

    def erase(self, action: Action, wish: ErasureRequest) -> Corrected:
        """Begins the erasure of a user. Raises `ErasureRunning`."""

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            _known(snapshot)
            proposal = wish.propose(snapshot, now, details)
            if proposal is None:
                raise ErasureRunning
            return proposal

        return self.correct(action, propose, wish.key)

    def correct(self, action: Action, propose: Propose, *related: Key) -> Corrected:
        """Moves the wallet as `propose` says, once for each idempotency key; it reads the `related`
        items with the wallet. Its last entry is the one that the record names."""
        action = self._log.sealed(action)
        attempt = _Attempt(self._log, action, propose)
        moved = self._ledger.move(
            action.subject or "",
            attempt.propose,
            attempt.was_committed,
            related=(*self._log.related(action), *related),
        )
        if attempt.number is None:
            raise LookupError("an action that was carried out has a record")
        record = self._log.read(action.subject, attempt.number)
        performed = Performed(record, not attempt.proposed)
        return Corrected(performed, moved.wallet, self._clock.now())


class _Attempt:
    """The attempts of one correction. `number` is that of the record; `proposed` says whether this
    request wrote it, and not an earlier one with the same key."""

    def __init__(self, log: OperatorLog, action: Action, propose: Propose) -> None:
        self._log = log
        self._action = action
        self._propose = propose
        self.number: int | None = None
        self.proposed = False

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        action = self._action
        self.number = self._log.recorded(snapshot, action)
        if self.number is not None:
            return None
        proposal = self._propose(snapshot, now, _details(action))
        outcome = {ENTRY: str(proposal.movement.entries[-1].version)}
        self.number = self._log.next_record(snapshot, action, now, outcome).number
        self.proposed = True
        recording = self._log.record_writes(snapshot, action, now, outcome)
        return _with(proposal, recording)

    def was_committed(self, snapshot: Snapshot) -> bool:
        self.number = self._log.recorded(snapshot, self._action)
        return self.number is not None


def _with(proposal: Proposal, extra: Sequence[ConditionalWrite]) -> Proposal:
    return replace(proposal, writes=(*proposal.writes, *extra))


def _known(snapshot: Snapshot) -> Wallet:
    wallet = snapshot.wallet
    if wallet is None or wallet.status is WalletStatus.CLOSED:
        raise UserNotFound
    return wallet


def _ref(action: Action) -> str:
    return f"{action.name}:{action.digest}"


def _details(action: Action) -> Details:
    return {OPERATOR_ID: action.operator.operator_id, REASON: action.reason}
