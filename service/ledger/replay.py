"""Replays the ledger by its own rules: what a wallet must be after its entries, lots included.
Pure.

In a file of its own because only the audit and a repair need it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from service.core.errors import FareboxError
from service.ledger.claw_backs import ClawBack, after_entry, claw_back, restore, terms_of
from service.ledger.entities import (
    Entry,
    EntryKind,
    Movement,
    Wallet,
    WalletStatus,
)
from service.ledger.holdings import Holding, holding_after
from service.ledger.lots import LotKind, LotPortion
from service.ledger.movements import (
    WELCOME,
    adjust,
    begin_closing,
    capture,
    close,
    disable,
    edit_lot,
    enable,
    expire,
    freeze,
    grant,
    hold_from,
    release,
    thaw,
    void,
)
from service.ledger.store import sealed

_SWITCHES = {
    EntryKind.FREEZE: freeze,
    EntryKind.THAW: thaw,
    EntryKind.DISABLE: disable,
    EntryKind.ENABLE: enable,
    EntryKind.CLOSING: begin_closing,
}
_STATUSES = {
    EntryKind.FREEZE: WalletStatus.FROZEN,
    EntryKind.THAW: WalletStatus.OPEN,
    EntryKind.INITIAL: WalletStatus.OPEN,
    EntryKind.CLOSING: WalletStatus.CLOSING,
    EntryKind.CLOSE: WalletStatus.CLOSED,
}


@dataclass(frozen=True)
class Moment:
    """An entry and the wallet that it leaves behind."""

    entry: Entry
    wallet: Wallet


@dataclass(frozen=True)
class _Earlier:
    """What later entries refer to: the holds of jobs, and the claw-backs of payments that stand."""

    holds: dict[str, Holding] = field(default_factory=dict)
    claw_backs: dict[str, tuple[ClawBack, ...]] = field(default_factory=dict)

    def keep(self, entry: Entry) -> None:
        if entry.kind in (EntryKind.HOLD, EntryKind.EXTEND):
            self.holds[entry.ref] = holding_after(self.holds.get(entry.ref), entry)
        elif entry.kind in (EntryKind.CLAWBACK, EntryKind.RESTORE):
            standing = self.claw_backs.get(entry.ref, ())
            self.claw_backs[entry.ref] = after_entry(standing, entry)


def replayed(user_id: str, entries: Iterable[Entry], mac_key: bytes | None) -> Iterator[Moment]:
    """Replays entries from the first, and stops at the first that the rules would not have written
    exactly so, balances included, and its MAC unless there is no key. The time of a hold is taken
    from its entry."""
    wallet, earlier = Wallet(user_id, welcomed=False), _Earlier()
    for entry in entries:
        try:
            again = _again(wallet, entry, earlier)
        except (FareboxError, ValueError, LookupError):
            return
        if mac_key is not None:
            again = sealed(again, mac_key)
        if again.entries != (entry if mac_key is not None else replace(entry, mac=""),):
            return
        earlier.keep(entry)
        wallet = replace(
            again.wallet,
            created_at=wallet.created_at or entry.at,
            status=WalletStatus.OPEN,
            disabled=False,
            returns_frozen=False,
            welcomed=wallet.welcomed or entry.ref == WELCOME,
        )
        yield Moment(entry, wallet)


def status_after(entries: Sequence[Entry]) -> WalletStatus:
    """What the entries make of the wallet's status. A return after an erasure opens it again."""
    said = (_STATUSES[entry.kind] for entry in reversed(entries) if entry.kind in _STATUSES)
    return next(said, WalletStatus.OPEN)


def disabled_after(entries: Sequence[Entry]) -> bool:
    """Whether the entries leave the user disabled."""
    switches = (EntryKind.DISABLE, EntryKind.ENABLE)
    said = (entry.kind for entry in reversed(entries) if entry.kind in switches)
    return next(said, EntryKind.ENABLE) is EntryKind.DISABLE


def returns_frozen_after(entries: Sequence[Entry]) -> bool:
    """Whether the entries leave a wallet that was frozen when its user left."""
    leaving = (EntryKind.CLOSING, EntryKind.CLOSE)
    if status_after(entries) not in (WalletStatus.CLOSING, WalletStatus.CLOSED):
        return False
    before = [entry for entry in entries if entry.kind not in leaving]
    return status_after(before) is WalletStatus.FROZEN


def repaired_switches(wallet: Wallet, entries: Sequence[Entry]) -> Wallet:
    """The wallet with the status and the flags that its entries say. A frozen one is opened."""
    proved = status_after(entries)
    return replace(
        wallet,
        status=WalletStatus.OPEN if proved is WalletStatus.FROZEN else proved,
        disabled=disabled_after(entries),
        returns_frozen=returns_frozen_after(entries),
    )


def _again(wallet: Wallet, entry: Entry, earlier: _Earlier) -> Movement:
    match entry.kind:
        case EntryKind.INITIAL | EntryKind.GRANT:
            return _granted(wallet, entry)
        case EntryKind.HOLD | EntryKind.EXTEND:
            return _held(wallet, entry, earlier)
        case EntryKind.CAPTURE:
            return _captured(wallet, entry, earlier.holds[entry.ref])
        case EntryKind.RELEASE:
            return _released(wallet, entry, earlier.holds[entry.ref])
        case EntryKind.CLAWBACK | EntryKind.RESTORE:
            return _of_payment(wallet, entry, earlier.claw_backs.get(entry.ref, ()))
        case EntryKind.ADJUST | EntryKind.VOID | EntryKind.EDIT:
            return _corrected(wallet, entry)
        case EntryKind.EXPIRE | EntryKind.CLOSE:
            return _written_off(wallet, entry)
        case (
            EntryKind.FREEZE
            | EntryKind.THAW
            | EntryKind.DISABLE
            | EntryKind.ENABLE
            | EntryKind.CLOSING
        ):
            switch = _SWITCHES[entry.kind]
            return switch(wallet, entry.ref, entry.at, details=entry.details)


def _of_payment(wallet: Wallet, entry: Entry, standing: Sequence[ClawBack]) -> Movement:
    """A claw-back, or one that undoes the last of those that stand."""
    ref, at, details = entry.ref, entry.at, entry.details
    if entry.kind is EntryKind.RESTORE:
        return restore(wallet, standing[-1:], entry.amount, ref, at, details=details)
    kind, expires_at = terms_of(entry)
    return claw_back(wallet, entry.amount, kind, expires_at, ref, at, details=details)


def _corrected(wallet: Wallet, entry: Entry) -> Movement:
    """What an operator did. Of several lots an adjustment took in burn order."""
    if entry.kind is EntryKind.ADJUST and entry.amount > 0:
        return _granted(wallet, entry)
    ref, at, lot = entry.ref, entry.at, entry.allocation[0]
    if entry.kind is EntryKind.VOID:
        return void(wallet, lot.lot_id, ref, at, details=entry.details)
    if entry.kind is EntryKind.EDIT:
        return edit_lot(wallet, lot.lot_id, lot.expires_at, ref, at, details=entry.details)
    lot_id = lot.lot_id if len(entry.allocation) == 1 else None
    return adjust(wallet, entry.amount, ref, at, lot_id=lot_id, details=entry.details)


def _written_off(wallet: Wallet, entry: Entry) -> Movement:
    if entry.kind is EntryKind.EXPIRE:
        return expire(wallet, entry.at)
    return close(wallet, entry.ref, entry.at)


def _granted(wallet: Wallet, entry: Entry) -> Movement:
    """Of a grant that went into debt whole, the terms of the lot do not matter."""
    lot = entry.allocation[0] if entry.allocation else LotPortion(0, LotKind.FREE, 0)
    return grant(
        wallet,
        lot.kind,
        entry.amount,
        lot.expires_at,
        entry.ref,
        entry.at,
        entry.kind,
        restriction=lot.restriction,
        details=entry.details,
    )


def _held(wallet: Wallet, entry: Entry, earlier: _Earlier) -> Movement:
    """From the restricted lots that it took from, and no others: which operations a restriction
    allows may change, and what was not needed changes nothing. Only a hold can be extended."""
    if entry.kind is EntryKind.EXTEND and entry.ref not in earlier.holds:
        raise LookupError(entry.ref)
    restrictions = {"", *(portion.restriction for portion in entry.allocation)}
    return hold_from(
        wallet, entry.amount, entry.ref, entry.at, restrictions, entry.details, entry.kind
    )


def _captured(wallet: Wallet, entry: Entry, held: Holding) -> Movement:
    return capture(
        wallet,
        held.allocation,
        entry.amount,
        entry.ref,
        held.held_at,
        entry.at,
        began_at=held.began_at,
        details=entry.details,
    )


def _released(wallet: Wallet, entry: Entry, held: Holding) -> Movement:
    return release(
        wallet,
        held.allocation,
        entry.ref,
        held.held_at,
        entry.at,
        began_at=held.began_at,
        details=entry.details,
    )
