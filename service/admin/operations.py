"""Operators' actions that move no credit: one transaction with the record of the action."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.admin.entities import Action, OperatorRecord
from service.admin.log import OperatorLog
from service.core.clock import Clock
from service.ledger.entities import OutcomeUnknown, UserNotFound
from service.ledger.operations import ConditionalWrite, Ledger, Snapshot
from service.storage.keys import Key
from service.storage.table import Cancelled, MaybeApplied, NotApplied, Table

TRIES = 5
FIRST_PAUSE_SECONDS = 0.05

Change = Callable[[Snapshot], Sequence[ConditionalWrite]]


@dataclass(frozen=True)
class Performed:
    """An action as it was carried out; `replayed`: by an earlier request with the same key."""

    record: OperatorRecord
    replayed: bool = False


class Actions:
    """Carries out actions that move no credit. Whoever moves credits adds
    `OperatorLog.record_writes` to the proposal of `Ledger.move` instead."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        log: OperatorLog,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._jitter = jitter

    def perform(
        self,
        action: Action,
        change: Change = lambda _: (),
        *,
        related: Sequence[Key] = (),
        outcome: Mapping[str, str] | None = None,
    ) -> Performed:
        """Writes what `change` makes of the `related` items (and of the wallet, of a user), and the
        record, all or nothing; once for each idempotency key. `change` is pure, is called again
        when something has changed meanwhile, and raises the refusal. No user reads the reason of
        such an action: it is sealed.

        Raises the refusals of `change` and of its writes, `ActionKeyReused`, `LogDamaged`,
        `OutcomeUnknown` when a response was lost (repeat with the same key),
        `DataKeyUnavailable`, `DataUnreadable` and `StorageUnavailable`."""
        action = replace(action, is_private=action.subject is not None)
        pause_seconds = FIRST_PAUSE_SECONDS
        for _ in range(TRIES - 1):
            try:
                return self._once(action, change, related, outcome)
            except (_Stale, NotApplied):
                self._clock.sleep(pause_seconds * self._jitter())
                pause_seconds *= 2
        return self._once(action, change, related, outcome)

    def note(self, action: Action) -> Performed:
        """Adds the action to the log of a user, and changes nothing else. Raises `UserNotFound`,
        and what `perform` raises."""

        def refuse_unknown(snapshot: Snapshot) -> tuple[()]:
            if snapshot.wallet is None:
                raise UserNotFound
            return ()

        return self.perform(action, refuse_unknown)

    def performed(self, action: Action, number: int, *, replayed: bool) -> Performed:
        """The action as its record says. Raises `LogDamaged` and `StorageUnavailable`."""
        return Performed(self._log.read(action.subject, number), replayed)

    def _once(
        self,
        action: Action,
        change: Change,
        related: Sequence[Key],
        outcome: Mapping[str, str] | None,
    ) -> Performed:
        snapshot = self._snapshot(action, related)
        number = self._log.recorded(snapshot, action)
        if number is not None:
            return self.performed(action, number, replayed=True)
        changes = tuple(change(snapshot))
        action = self._log.sealed(action)
        now = self._clock.now()
        record = self._log.next_record(snapshot, action, now, outcome)
        recording = self._log.record_writes(snapshot, action, now, outcome)
        try:
            self._table.transact([each.write for each in (*changes, *recording)])
        except Cancelled as cancelled:
            raise _refusal(cancelled, changes) from cancelled
        except MaybeApplied as lost:
            return self._after_lost_response(action, lost)
        return Performed(record)

    def _snapshot(self, action: Action, related: Sequence[Key]) -> Snapshot:
        keys = tuple(dict.fromkeys((*related, *self._log.related(action))))
        if action.subject is not None:
            return self._ledger.read_snapshot(action.subject, keys)
        return Snapshot(None, dict(zip(keys, self._table.get_together(keys), strict=True)))

    def _after_lost_response(self, action: Action, lost: MaybeApplied) -> Performed:
        """Not there yet is no proof that it will never be."""
        number = self._log.recorded(self._snapshot(action, ()), action)
        if number is None:
            raise OutcomeUnknown from lost
        return self.performed(action, number, replayed=False)


class _Stale(NotApplied):
    """Something has changed since the snapshot. Too often in a row, it is as if the table were
    busy."""


def _refusal(cancelled: Cancelled, changes: Sequence[ConditionalWrite]) -> Exception:
    """What the first refused write means."""
    for position in sorted(cancelled.refused):
        refusal = changes[position].refusal if position < len(changes) else None
        if refusal is not None:
            return refusal
    return _Stale()
