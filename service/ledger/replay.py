"""Replays the ledger by its own rules: what a wallet must be after its entries, lots included.
Pure.

In a file of its own because only the audit and a repair need it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from service.ledger.entities import (
    Entry,
    EntryKind,
    InsufficientCredits,
    Movement,
    Wallet,
    WalletStatus,
)
from service.ledger.lots import LotKind
from service.ledger.movements import capture, claw_back, expire, grant, hold, release
from service.ledger.store import sealed


@dataclass(frozen=True)
class Moment:
    """An entry and the wallet that it leaves behind."""

    entry: Entry
    wallet: Wallet


def replayed(user_id: str, entries: Iterable[Entry], mac_key: bytes | None) -> Iterator[Moment]:
    """Replays entries from the first, and stops at the first that the rules would not have written
    exactly so, balances included, and its MAC unless there is no key. The time of a hold is taken
    from its entry."""
    wallet, holds = Wallet(user_id), dict[str, Entry]()
    for entry in entries:
        try:
            again = _again(wallet, entry, holds)
        except (InsufficientCredits, ValueError, KeyError):
            return
        if mac_key is not None:
            again = sealed(again, mac_key)
        if again.entries != (entry if mac_key is not None else replace(entry, mac=""),):
            return
        if entry.kind is EntryKind.HOLD:
            holds[entry.ref] = entry
        created_at = wallet.created_at or entry.at
        wallet = replace(again.wallet, created_at=created_at, status=WalletStatus.OPEN)
        yield Moment(entry, wallet)


def _again(wallet: Wallet, entry: Entry, holds: dict[str, Entry]) -> Movement:
    match entry.kind:
        case EntryKind.INITIAL | EntryKind.GRANT:
            kind = entry.allocation[0].kind if entry.allocation else LotKind.FREE
            expires_at = entry.allocation[0].expires_at if entry.allocation else None
            return grant(
                wallet,
                kind,
                entry.amount,
                expires_at,
                entry.ref,
                entry.at,
                entry.kind,
                details=entry.details,
            )
        case EntryKind.HOLD:
            return hold(wallet, entry.amount, entry.ref, entry.at, details=entry.details)
        case EntryKind.CAPTURE:
            held = holds[entry.ref]
            return capture(
                wallet,
                held.allocation,
                entry.amount,
                entry.ref,
                held.at,
                entry.at,
                details=entry.details,
            )
        case EntryKind.RELEASE:
            held = holds[entry.ref]
            return release(
                wallet, held.allocation, entry.ref, held.at, entry.at, details=entry.details
            )
        case EntryKind.EXPIRE:
            return expire(wallet, entry.at)
        case EntryKind.CLAWBACK:
            return claw_back(wallet, entry.amount, entry.ref, entry.at, details=entry.details)
