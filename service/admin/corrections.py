"""Operators' corrections of a wallet. Each moves it by one entry, and the record of the action is
written in the same transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from service.admin.entities import Action, WalletNotFrozen, WalletNotOpen
from service.admin.log import OperatorLog
from service.admin.operations import Performed
from service.core.clock import Clock
from service.ledger.details import OPERATOR_ID, REASON, Details
from service.ledger.entities import ExpiryInvalid, Movement, UserNotFound, Wallet, WalletStatus
from service.ledger.lots import LotKind
from service.ledger.movements import adjust, edit_lot, freeze, thaw, void
from service.ledger.operations import Ledger, Proposal, Snapshot

ENTRY = "entry"
_ADJUST_NAME = "adjust"

Move = Callable[[Wallet, str, int, Details], Movement]


@dataclass(frozen=True)
class Terms:
    """What an adjustment makes (upwards) or takes from (downwards)."""

    kind: LotKind = LotKind.PROMO
    expires_at: int | None = None
    restriction: str = ""
    lot_id: str | None = None


@dataclass(frozen=True)
class Corrected:
    """The action as it was recorded, and the wallet as it is now."""

    performed: Performed
    wallet: Wallet
    available: int


class Corrections:
    """Every method raises `UserNotFound`, `ActionKeyReused`, `LogDamaged` and what `Ledger.move`
    raises. The same idempotency key again moves nothing twice."""

    def __init__(self, ledger: Ledger, log: OperatorLog, clock: Clock) -> None:
        self._ledger = ledger
        self._log = log
        self._clock = clock

    def adjust(self, action: Action, terms: Terms) -> Corrected:
        """Adds the action's amount as a lot, or takes it (below 0) from one lot or in burn order.
        Raises `InsufficientCredits` for more than is there, `LotNotFound` and `ExpiryInvalid`."""

        def move(wallet: Wallet, ref: str, now: int, details: Details) -> Movement:
            if terms.expires_at is not None and terms.expires_at <= now:
                raise ExpiryInvalid
            return adjust(
                wallet,
                action.amount or 0,
                ref,
                now,
                kind=terms.kind,
                expires_at=terms.expires_at,
                restriction=terms.restriction,
                lot_id=terms.lot_id,
                details=details,
            )

        return self._correct(action, move)

    def void(self, action: Action, lot_id: str) -> Corrected:
        """Ends one lot. Raises `LotNotFound`."""

        def move(wallet: Wallet, ref: str, now: int, details: Details) -> Movement:
            return void(wallet, lot_id, ref, now, details=details)

        return self._correct(action, move)

    def edit_lot(self, action: Action, lot_id: str, expires_at: int | None) -> Corrected:
        """Moves the end of one lot (None: it never expires). Raises `LotNotFound` and
        `ExpiryInvalid`."""

        def move(wallet: Wallet, ref: str, now: int, details: Details) -> Movement:
            return edit_lot(wallet, lot_id, expires_at, ref, now, details=details)

        return self._correct(action, move)

    def freeze(self, action: Action) -> Corrected:
        """Stops spending; open jobs still settle. Raises `WalletNotOpen`."""

        def move(wallet: Wallet, ref: str, now: int, details: Details) -> Movement:
            if wallet.status is not WalletStatus.OPEN:
                raise WalletNotOpen
            return freeze(wallet, ref, now, details=details)

        return self._correct(action, move)

    def thaw(self, action: Action) -> Corrected:
        """Lets a frozen wallet spend again. Raises `WalletNotFrozen`."""

        def move(wallet: Wallet, ref: str, now: int, details: Details) -> Movement:
            if wallet.status is not WalletStatus.FROZEN:
                raise WalletNotFrozen
            return thaw(wallet, ref, now, details=details)

        return self._correct(action, move)

    def _correct(self, action: Action, move: Move) -> Corrected:
        attempt = _Attempt(self._log, action, move)
        moved = self._ledger.move(
            action.subject or "",
            attempt.propose,
            attempt.was_committed,
            related=self._log.related(action),
        )
        number = attempt.number
        if number is None:
            raise LookupError("an action that was carried out has a record")
        record = self._log.read(action.subject, number)
        available = moved.wallet.spendable(self._clock.now())
        return Corrected(Performed(record, not attempt.proposed), moved.wallet, available)


class _Attempt:
    """The attempts of one correction. `number` is that of the record; `proposed` says whether this
    request wrote it, and not an earlier one with the same key."""

    def __init__(self, log: OperatorLog, action: Action, move: Move) -> None:
        self._log = log
        self._action = action
        self._move = move
        self.number: int | None = None
        self.proposed = False

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        self.number = self._log.recorded(snapshot, self._action)
        if self.number is not None:
            return None
        wallet = snapshot.wallet
        if wallet is None or wallet.status is WalletStatus.CLOSED:
            raise UserNotFound
        next_record = self._log.next_record(snapshot, self._action, now)
        movement = self._move(wallet, next_record.ref, now, _details(self._action))
        outcome = {ENTRY: str(movement.entries[-1].version)}
        self.number, self.proposed = next_record.number, True
        return Proposal(movement, self._log.record_writes(snapshot, self._action, now, outcome))

    def was_committed(self, snapshot: Snapshot) -> bool:
        self.number = self._log.recorded(snapshot, self._action)
        return self.number is not None


def _details(action: Action) -> Details:
    return {OPERATOR_ID: action.operator.operator_id, REASON: action.reason}
