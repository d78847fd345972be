"""How one entry is added to a wallet. Pure.

In a file of its own because every movement ends in it, whichever file holds its rule."""

from collections.abc import Sequence
from dataclasses import replace

from service.core.amounts import Amount
from service.ledger.details import NO_DETAILS, Details, checked_details
from service.ledger.entities import (
    MAX_CREDITS,
    Entry,
    EntryKind,
    Movement,
    Wallet,
    applied,
    deltas,
)
from service.ledger.lots import Allocation, Lot, tidy


def post(
    wallet: Wallet,
    kind: EntryKind,
    amount: Amount,
    ref: str,
    allocation: Allocation,
    lots: Sequence[Lot],
    now: int,
    *,
    returned: Amount = 0,
    debt_paid: Amount = 0,
    details: Details = NO_DETAILS,
) -> Movement:
    """Adds one entry to the wallet."""
    if not (0 <= amount <= MAX_CREDITS or (kind is EntryKind.ADJUST and amount >= -MAX_CREDITS)):
        raise ValueError("an amount is a number of thousandths from 0 up")
    at = entry_time(wallet, now)
    draft = Entry(
        wallet.version + 1,
        kind,
        amount,
        ref,
        allocation,
        0,
        0,
        at,
        returned,
        debt_paid,
        checked_details(details),
    )
    moved = applied(wallet, deltas(draft))
    after = replace(moved, version=draft.version, lots=tidy(lots, at), updated_at=at)
    return Movement(after, (replace(draft, credits=after.credits, held=after.held),))


def entry_time(wallet: Wallet, now: int) -> int:
    """The time of the wallet's next entry: along a ledger time never runs backwards. Lots are
    judged at that time too, so that the entries alone say what has become of each."""
    return max(now, wallet.updated_at)


def lot_number(wallet: Wallet) -> int:
    """Lots are numbered by the entry that makes them, and by their place in it (up to a
    hundred)."""
    return (wallet.version + 1) * 100
