"""What one attempt to settle a payment writes: the grant that is missing and the claw-back or
restoration that its money wants, in one transaction with the purchase. Pure.

In a file of its own because it neither reads nor sends anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.billing import keys
from service.billing import purchase_store as store
from service.billing.purchases import (
    Bought,
    NothingToClear,
    Purchase,
    PurchaseDamaged,
    grant_of,
)
from service.core.amounts import Amount
from service.ledger.claw_backs import ClawBack, claw_back, restore
from service.ledger.details import PAYMENT_ID
from service.ledger.entities import Entry, EntryKind, Movement, StaleRead, UserNotFound, Wallet
from service.ledger.grants import grant_key, grant_proposal
from service.ledger.grants import grant_of as made_grant
from service.ledger.operations import ConditionalWrite, Proposal, Snapshot
from service.storage.keys import Key

MONEY_BACK_KINDS = (EntryKind.CLAWBACK, EntryKind.RESTORE)


@dataclass(frozen=True)
class Plan:
    """What an attempt wants. `before` is the purchase as it was read; `after` what it shall be, but
    for what the movement adds; `target` what must be clawed back altogether. `bought` is what is
    yet to be granted (None: nothing), paid at `paid_at`; `standing` are the claw-backs of this
    payment that a restoration undoes."""

    before: Purchase | None
    after: Purchase
    target: Amount
    bought: Bought | None = None
    paid_at: int = 0
    standing: tuple[ClawBack, ...] = ()

    @property
    def moves(self) -> bool:
        return self.bought is not None or self.target != self.after.clawed_back


class Settlement:
    """The attempts of `Ledger.move` for one plan. `written` is the purchase of the last one."""

    def __init__(self, plan: Plan, mac_key: bytes) -> None:
        self._plan = plan
        self._mac_key = mac_key
        self.written = plan.after

    @property
    def related(self) -> tuple[Key, ...]:
        """What must be read with the wallet."""
        purchase = keys.purchase(self._plan.after.payment_id)
        if self._plan.bought is None:
            return (purchase,)
        return purchase, grant_key(grant_of(self._plan.bought, self._plan.after.payment_id))

    def propose(self, snapshot: Snapshot, now: int) -> Proposal:
        """Raises `StaleRead` once anything has changed since the purchase was read: Stripe must be
        queried again. Raises what `grant_proposal` raises, and `UserNotFound`."""
        if not self._is_unchanged(snapshot):
            raise StaleRead("the purchase has changed")
        if snapshot.wallet is None:
            raise UserNotFound
        after = self._living(max(now, snapshot.wallet.updated_at))
        granted = self._grant(snapshot, after, now)
        movement = granted.movement if granted else Movement(snapshot.wallet)
        back = self._money_back(after, movement.wallet, now)
        movement = Movement(back.wallet, movement.entries + back.entries)
        self.written = self._purchase_after(after, movement)
        purchase = store.purchase_write(self._plan.before, self.written)
        others = granted.writes if granted else ()
        return Proposal(movement, [*others, _read_again(ConditionalWrite(purchase))])

    def was_committed(self, snapshot: Snapshot) -> bool:
        item = snapshot.item(keys.purchase(self._plan.after.payment_id))
        return item is not None and item.get("mac") == self.written.mac

    def _is_unchanged(self, snapshot: Snapshot) -> bool:
        item = snapshot.item(keys.purchase(self._plan.after.payment_id))
        before = self._plan.before
        if item is None or before is None:
            return item is None and before is None
        return (item.get("version"), item.get("mac")) == (before.version, before.mac)

    def _living(self, now: int) -> Purchase:
        """Credits have the life that was paid for, however late they are granted."""
        after, ends = self._plan.after, self._plan.after.lot_expires_at
        if self._plan.bought is None or ends is None or ends > now:
            return after
        return replace(after, lot_expires_at=now + max(1, ends - self._plan.paid_at))

    def _grant(self, snapshot: Snapshot, after: Purchase, now: int) -> Proposal | None:
        bought = self._plan.bought
        if bought is None:
            return None
        grant = replace(grant_of(bought, after.payment_id), expires_at=after.lot_expires_at)
        if made_grant(snapshot, grant) is not None:
            raise StaleRead("the grant was made")
        proposal = grant_proposal(snapshot, grant, now)
        orders = map(_read_again, bought.order)
        return replace(proposal, writes=(*proposal.writes, *orders))

    def _money_back(self, after: Purchase, wallet: Wallet, now: int) -> Movement:
        difference = self._plan.target - after.clawed_back
        said = {PAYMENT_ID: after.payment_id}
        if difference > 0:
            ends = after.lot_expires_at
            return claw_back(wallet, difference, after.kind, ends, after.ref, now, details=said)
        if difference < 0:
            standing = self._plan.standing
            return restore(wallet, standing, -difference, after.ref, now, details=said)
        return Movement(wallet)

    def _purchase_after(self, after: Purchase, movement: Movement) -> Purchase:
        at = movement.entries[-1].at
        back = [entry for entry in movement.entries if entry.kind in MONEY_BACK_KINDS]
        if self._plan.bought is not None:
            after = replace(after, grant_entry=movement.entries[0].version, at=at)
        return store.sealed(
            replace(
                after,
                clawed_back=after.clawed_back + clawed_back_by(back),
                entries=(*after.entries, *(entry.version for entry in back)),
                version=after.version + 1,
                updated_at=at,
            ),
            self._mac_key,
        )


@dataclass(frozen=True)
class Clearing:
    """An operator trusts the buyer: these early fraud warnings of a payment do not count."""

    payment_id: str
    warnings: tuple[str, ...]
    now: int
    mac_key: bytes

    @property
    def keys(self) -> tuple[Key, ...]:
        return (keys.purchase(self.payment_id),)

    def change(self, snapshot: Snapshot) -> list[ConditionalWrite]:
        """The purchase without them, under the version that was read. Raises `NothingToClear`, and
        `PurchaseDamaged` for one that was edited."""
        item = snapshot.item(keys.purchase(self.payment_id))
        before = store.purchase_from(item) if item else None
        if before is None or not store.is_sealed(before, self.mac_key):
            raise PurchaseDamaged
        new = tuple(each for each in self.warnings if each not in before.cleared)
        if not new:
            raise NothingToClear
        after = replace(
            before,
            cleared=(*before.cleared, *new),
            version=before.version + 1,
            updated_at=max(self.now, before.updated_at),
        )
        write = store.purchase_write(before, store.sealed(after, self.mac_key))
        return [ConditionalWrite(write)]


def clawed_back_by(entries: Sequence[Entry]) -> Amount:
    """What CLAWBACK and RESTORE entries of one payment come to."""
    return sum(
        entry.amount if entry.kind is EntryKind.CLAWBACK else -entry.amount for entry in entries
    )


def _read_again(write: ConditionalWrite) -> ConditionalWrite:
    """A write whose failed condition means that everything must be read again, Stripe included."""
    if write.refusal is not None:
        return write
    return replace(write, refusal=StaleRead("what was read has changed"))
