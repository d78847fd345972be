"""How the credits of a payment that went back are taken from a wallet, and how they return when the
payment stands again (docs/architecture.md, "How credits move"). Pure.

In a file of its own because only payments move credits so. The claw-backs of one payment are a
stack: what was taken last returns first, so that a claw-back that is undone leaves what an earlier
one has taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from service.core.amounts import Amount
from service.core.clock import from_iso, iso
from service.ledger.details import LOT_EXPIRES_AT, LOT_KIND, NO_DETAILS, Details
from service.ledger.entities import Entry, EntryKind, Movement, Wallet
from service.ledger.lots import (
    Allocation,
    Lot,
    LotKind,
    LotPortion,
    divide,
    put_back,
    split,
    total_taken,
    whole,
)
from service.ledger.posting import entry_time, lot_number, post

# DynamoDB takes 100 writes in a transaction; a restoration writes one entry for each claw-back.
MAX_UNDONE = 40


@dataclass(frozen=True)
class ClawBack:
    """What one claw-back still keeps: the portions in the order in which it took them, what became
    debt as the last of them, and when."""

    at: int
    portions: Allocation

    @property
    def amount(self) -> Amount:
        return total_taken(self.portions)


def claw_back(
    wallet: Wallet,
    amount: Amount,
    kind: LotKind,
    expires_at: int | None,
    ref: str,
    now: int,
    *,
    details: Details = NO_DETAILS,
) -> Movement:
    """Takes credits of a payment back, whatever the wallet's status: from lots of the kind that the
    payment brought, those that end last first, then from the others against the burn order. What
    is missing becomes debt. `expires_at` is the end of the lot that the payment brought."""
    against = sorted(wallet.lots, key=lambda lot: lot.burn_order, reverse=True)
    gone, kept = divide(sorted(against, key=lambda lot: lot.kind is not kind), amount)
    said = {
        **details,
        LOT_KIND: kind.value,
        LOT_EXPIRES_AT: "" if expires_at is None else iso(expires_at),
    }
    return post(wallet, EntryKind.CLAWBACK, amount, ref, whole(gone), kept, now, details=said)


def restore(
    wallet: Wallet,
    standing: Sequence[ClawBack],
    amount: Amount,
    ref: str,
    now: int,
    *,
    details: Details = NO_DETAILS,
) -> Movement:
    """Returns credits that claw-backs of the same payment keep (`standing`, oldest first), whatever
    the wallet's status; one entry for each claw-back that it undoes, at most `MAX_UNDONE`. Debt is
    paid first. The rest returns to the lots it was taken from as a release does; what had become
    debt, and was paid since, returns as a lot like the payment's own.

    Raises `ValueError` for more than they keep."""
    if not 0 < amount <= sum(each.amount for each in standing):
        raise ValueError("a restoration returns at most what was clawed back")
    movement = Movement(wallet)
    for clawed in reversed(standing[-MAX_UNDONE:]):
        part = min(amount, clawed.amount)
        undone = _undone(movement.wallet, clawed, part, ref, now, details)
        movement = Movement(undone.wallet, movement.entries + undone.entries)
        amount -= part
        if not amount:
            break
    return movement


def standing_after(entries: Iterable[Entry]) -> tuple[ClawBack, ...]:
    """The claw-backs that stand after these entries, which are all of one payment and in order.
    Raises `KeyError` or `ValueError` for entries that these rules do not make."""
    stack: tuple[ClawBack, ...] = ()
    for entry in entries:
        stack = after_entry(stack, entry)
    return stack


def after_entry(standing: tuple[ClawBack, ...], entry: Entry) -> tuple[ClawBack, ...]:
    """The claw-backs that stand after one more entry of the same payment."""
    if entry.kind is EntryKind.CLAWBACK:
        return (*standing, ClawBack(entry.at, (*entry.allocation, *_debt_of(entry))))
    if entry.kind is not EntryKind.RESTORE:
        return standing
    if not standing or entry.amount > standing[-1].amount:
        raise ValueError("a restoration returns at most what was clawed back")
    *others, last = standing
    kept, _ = split(last.portions, last.amount - entry.amount)
    return (*others, replace(last, portions=kept)) if kept else tuple(others)


def terms_of(entry: Entry) -> tuple[LotKind, int | None]:
    """Kind and end of the lot that the payment of a CLAWBACK entry brought."""
    ends = entry.details.get(LOT_EXPIRES_AT)
    return LotKind(entry.details[LOT_KIND]), None if ends is None else from_iso(ends)


def _undone(
    wallet: Wallet, clawed: ClawBack, amount: Amount, ref: str, now: int, details: Details
) -> Movement:
    now = entry_time(wallet, now)
    paid = min(wallet.debt, amount)
    _, undone = split(clawed.portions, clawed.amount - amount)
    back, _ = split(undone, amount - paid)
    lots: tuple[Lot, ...] = put_back(wallet.lots, back, clawed.at, now, lot_number(wallet))
    return post(
        wallet,
        EntryKind.RESTORE,
        amount,
        ref,
        back,
        lots,
        now,
        debt_paid=paid,
        details=details,
    )


def _debt_of(entry: Entry) -> Allocation:
    """What a claw-back could not take, as a portion of a lot like the payment's own. Its number is
    free: a claw-back makes no lot."""
    kind, expires_at = terms_of(entry)
    owed = entry.amount - total_taken(entry.allocation)
    return (LotPortion(entry.version * 100, kind, owed, expires_at),) if owed else ()
