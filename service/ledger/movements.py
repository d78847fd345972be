"""The pure rules of how credits move (docs/architecture.md, "How credits move").

In a file of its own because the wallet alone is most of `entities`. Every rule takes a wallet and
returns a `Movement`: the wallet afterwards and the entries that say what happened. Nothing here
reads a clock, a key or a table."""

from collections.abc import Collection
from dataclasses import replace

from service.core.amounts import Amount, credits_number, credits_text
from service.ledger.details import NO_DETAILS, OPERATION, Details
from service.ledger.entities import (
    GET_MORE,
    TAKE_LESS,
    AccountClosing,
    EntryKind,
    ExpiryInvalid,
    InsufficientCredits,
    LotNotFound,
    Movement,
    Wallet,
    WalletFrozen,
    WalletStatus,
    check_enabled,
)
from service.ledger.limits import with_loss, with_spent, with_unspent
from service.ledger.lots import (
    Allocation,
    Lot,
    LotKind,
    burn,
    put_back,
    remaining,
    split,
    total_taken,
    whole,
)
from service.ledger.posting import entry_time, lot_number, post
from service.ledger.restrictions import open_to

# What the INITIAL entry of a wallet refers to. A wallet was welcomed if, and only if, it has one
# for `WELCOME`.
WELCOME = "welcome"
RETURN = "return"


def welcome(wallet: Wallet | None, user_id: str, amount: Amount, now: int) -> Movement:
    """Opens a wallet with its first credits. One that was closed is opened again, with none: one
    welcome per person. One that was frozen before it is frozen again, and no token of a session of
    before it is accepted again."""
    if wallet is None:
        fresh = Wallet(user_id=user_id, created_at=now, updated_at=now)
        return grant(fresh, LotKind.FREE, amount, None, WELCOME, now, EntryKind.INITIAL)
    # The closing is the last change of a closed wallet (`check_account`).
    valid_from = max(wallet.sessions_valid_from, wallet.updated_at + 1)
    opened = replace(
        wallet,
        status=WalletStatus.OPEN,
        returns_frozen=False,
        sessions_valid_from=valid_from,
    )
    returned = grant(opened, LotKind.FREE, 0, None, RETURN, now, EntryKind.INITIAL)
    if not wallet.returns_frozen:
        return returned
    frozen = freeze(returned.wallet, RETURN, now)
    return Movement(frozen.wallet, returned.entries + frozen.entries)


def grant(
    wallet: Wallet,
    kind: LotKind,
    amount: Amount,
    expires_at: int | None,
    ref: str,
    now: int,
    entry_kind: EntryKind = EntryKind.GRANT,
    *,
    restriction: str = "",
    details: Details = NO_DETAILS,
) -> Movement:
    """Adds a lot; debt is paid from it first."""
    paid = min(wallet.debt, amount)
    lot = Lot(lot_number(wallet), kind, amount - paid, expires_at, restriction)
    new = (lot,) if lot.remaining else ()
    lots = (*wallet.lots, *new)
    return post(
        wallet, entry_kind, amount, ref, whole(new), lots, now, debt_paid=paid, details=details
    )


def hold(
    wallet: Wallet,
    amount: Amount,
    ref: str,
    now: int,
    *,
    details: Details = NO_DETAILS,
    kind: EntryKind = EntryKind.HOLD,
) -> Movement:
    """Sets credits aside for the operation that its details name (for none: from unrestricted lots
    alone), after writing off what has lapsed. The last entry is the HOLD, or the EXTEND that adds
    to an earlier one; its allocation says from which lots they came.

    Raises `AccountDisabled`, `WalletFrozen`, `AccountClosing`, or `InsufficientCredits` with
    `required` and `available`."""
    check_enabled(disabled=wallet.disabled)
    if wallet.status is WalletStatus.CLOSING:
        raise AccountClosing
    if wallet.status is not WalletStatus.OPEN:
        raise WalletFrozen
    restrictions = open_to(details.get(OPERATION, ""))
    return hold_from(wallet, amount, ref, now, restrictions, details, kind)


def hold_from(
    wallet: Wallet,
    amount: Amount,
    ref: str,
    now: int,
    restrictions: Collection[str],
    details: Details,
    kind: EntryKind = EntryKind.HOLD,
) -> Movement:
    """As `hold`, from the lots with one of those restrictions, whatever the wallet's status."""
    now = entry_time(wallet, now)
    swept = expire(wallet, now)
    usable = [lot for lot in swept.wallet.lots if lot.restriction in restrictions]
    available = remaining(lot for lot in usable if lot.spendable(now))
    if available < amount:
        raise too_few(amount, available)
    allocation, rest = burn(usable, amount, now)
    rest += tuple(lot for lot in swept.wallet.lots if lot.restriction not in restrictions)
    held = post(swept.wallet, kind, amount, ref, allocation, rest, now, details=details)
    return Movement(with_spent(held.wallet, amount, now), swept.entries + held.entries)


def too_few(
    amount: Amount, available: Amount, what: str = "This request costs", action: str = GET_MORE
) -> InsufficientCredits:
    """The refusal of what takes more credits than are available."""
    return InsufficientCredits(
        f"{what} {credits_text(amount)} and {credits_text(available)} are available.",
        details={
            "required": credits_number(amount),
            "available": credits_number(available),
            "action": action,
        },
    )


def capture(
    wallet: Wallet,
    allocation: Allocation,
    amount: Amount,
    ref: str,
    held_at: int,
    now: int,
    *,
    began_at: int | None = None,
    details: Details = NO_DETAILS,
) -> Movement:
    """Spends `amount` of what that allocation holds and returns the rest to its lots; debt is paid
    from the rest first. `held_at` is when credits were last set aside for it, `began_at` when they
    first were, if that was earlier. Raises `ValueError` for more than is held."""
    if not 0 <= amount <= total_taken(allocation):
        raise ValueError("a capture takes at most what is held")
    now = entry_time(wallet, now)
    used, rest = split(allocation, amount)
    returned = total_taken(rest)
    paid = min(wallet.debt, returned)
    lots = _with_returned(wallet, rest, paid, held_at, now)
    return post(
        with_loss(with_unspent(wallet, returned, held_at, began_at), details, now),
        EntryKind.CAPTURE,
        amount,
        ref,
        used,
        lots,
        now,
        returned=returned,
        debt_paid=paid,
        details=details,
    )


def release(
    wallet: Wallet,
    allocation: Allocation,
    ref: str,
    held_at: int,
    now: int,
    *,
    began_at: int | None = None,
    details: Details = NO_DETAILS,
) -> Movement:
    """Returns everything that allocation holds to the lots it came from; debt is paid from it
    first. The times are those of `capture`."""
    now = entry_time(wallet, now)
    amount = total_taken(allocation)
    paid = min(wallet.debt, amount)
    lots = _with_returned(wallet, allocation, paid, held_at, now)
    return post(
        with_loss(with_unspent(wallet, amount, held_at, began_at), details, now),
        EntryKind.RELEASE,
        amount,
        ref,
        allocation,
        lots,
        now,
        debt_paid=paid,
        details=details,
    )


def expire(wallet: Wallet, now: int) -> Movement:
    """Writes off every lapsed lot in one entry; no entry when there is none."""
    now = entry_time(wallet, now)
    lapsed = tuple(lot for lot in wallet.lots if lot.lapsed(now))
    if not lapsed:
        return Movement(wallet)
    rest = tuple(lot for lot in wallet.lots if not lot.lapsed(now))
    return post(wallet, EntryKind.EXPIRE, remaining(lapsed), "expiry", whole(lapsed), rest, now)


def adjust(
    wallet: Wallet,
    amount: Amount,
    ref: str,
    now: int,
    *,
    kind: LotKind = LotKind.PROMO,
    expires_at: int | None = None,
    restriction: str = "",
    lot_id: str | None = None,
    details: Details = NO_DETAILS,
) -> Movement:
    """An operator's correction, whatever the wallet's status. Above 0 it adds a lot with those
    terms, as a grant does. Below 0 it takes from the lot `lot_id`, or in burn order from all that
    has not expired.

    Raises `InsufficientCredits` for more than is there, `LotNotFound`, and `ValueError` for 0."""
    if amount == 0:
        raise ValueError("an adjustment moves credits")
    if amount > 0:
        return grant(
            wallet,
            kind,
            amount,
            expires_at,
            ref,
            now,
            EntryKind.ADJUST,
            restriction=restriction,
            details=details,
        )
    now = entry_time(wallet, now)
    chosen = wallet.lots if lot_id is None else (_lot(wallet, lot_id, now),)
    available = remaining(lot for lot in chosen if lot.spendable(now))
    if available < -amount:
        raise too_few(-amount, available, "This takes", TAKE_LESS)
    allocation, rest = burn(chosen, -amount, now)
    rest += tuple(lot for lot in wallet.lots if lot not in chosen)
    return post(wallet, EntryKind.ADJUST, amount, ref, allocation, rest, now, details=details)


def void(
    wallet: Wallet, lot_id: str, ref: str, now: int, *, details: Details = NO_DETAILS
) -> Movement:
    """Ends one lot: all that is left of it is removed. What open jobs hold of it returns if they
    fail. Raises `LotNotFound`."""
    now = entry_time(wallet, now)
    lot = _lot(wallet, lot_id, now)
    rest = tuple(other for other in wallet.lots if other is not lot)
    return post(
        wallet, EntryKind.VOID, lot.remaining, ref, whole((lot,)), rest, now, details=details
    )


def edit_lot(
    wallet: Wallet,
    lot_id: str,
    expires_at: int | None,
    ref: str,
    now: int,
    *,
    details: Details = NO_DETAILS,
) -> Movement:
    """Moves the end of one lot; no credit moves. What open jobs hold of it returns to the lot as it
    is then. Raises `LotNotFound`, and `ExpiryInvalid` for an end that has passed."""
    now = entry_time(wallet, now)
    lot = _lot(wallet, lot_id, now)
    if expires_at is not None and expires_at <= now:
        raise ExpiryInvalid
    edited = replace(lot, expires_at=expires_at)
    lots = tuple(edited if other is lot else other for other in wallet.lots)
    return post(wallet, EntryKind.EDIT, 0, ref, whole((edited,)), lots, now, details=details)


def freeze(wallet: Wallet, ref: str, now: int, *, details: Details = NO_DETAILS) -> Movement:
    """Stops spending. Open jobs still settle, and credits still come in."""
    frozen = replace(wallet, status=WalletStatus.FROZEN)
    return post(frozen, EntryKind.FREEZE, 0, ref, (), wallet.lots, now, details=details)


def thaw(wallet: Wallet, ref: str, now: int, *, details: Details = NO_DETAILS) -> Movement:
    """Lets a frozen wallet spend again."""
    thawed = replace(wallet, status=WalletStatus.OPEN)
    return post(thawed, EntryKind.THAW, 0, ref, (), wallet.lots, now, details=details)


def disable(wallet: Wallet, ref: str, now: int, *, details: Details = NO_DETAILS) -> Movement:
    """Refuses the user until the wallet is enabled; its status stays. Open jobs still settle, and
    credits still come in."""
    disabled = replace(wallet, disabled=True)
    return post(disabled, EntryKind.DISABLE, 0, ref, (), wallet.lots, now, details=details)


def enable(wallet: Wallet, ref: str, now: int, *, details: Details = NO_DETAILS) -> Movement:
    """Admits a disabled user again, to a wallet of the status that it has."""
    enabled = replace(wallet, disabled=False)
    return post(enabled, EntryKind.ENABLE, 0, ref, (), wallet.lots, now, details=details)


def begin_closing(wallet: Wallet, ref: str, now: int, *, details: Details = NO_DETAILS) -> Movement:
    """Stops spending for good, whatever the wallet's status. Open jobs still settle, and credits
    still come in. A frozen wallet keeps a mark, so that no erasure lifts a freeze."""
    is_frozen = wallet.returns_frozen or wallet.status is WalletStatus.FROZEN
    closing = replace(wallet, status=WalletStatus.CLOSING, returns_frozen=is_frozen)
    return post(closing, EntryKind.CLOSING, 0, ref, (), wallet.lots, now, details=details)


def close(wallet: Wallet, ref: str, now: int) -> Movement:
    """Ends the wallet: all that is left of its lots is written off, and it knows no device any
    more. Debt stays. Raises `ValueError` while credits are held."""
    if wallet.held:
        raise ValueError("a wallet is closed once nothing is held")
    closed = replace(
        wallet,
        status=WalletStatus.CLOSED,
        open_jobs={},
        fingerprints=frozenset(),
        new_devices=frozenset(),
        device_count=0,
        low_balance=0,
    )
    allocation = whole(wallet.lots)
    return post(closed, EntryKind.CLOSE, wallet.credits, ref, allocation, (), now)


def _lot(wallet: Wallet, lot_id: str, now: int) -> Lot:
    found = (lot for lot in wallet.lots if lot.lot_id == lot_id and lot.spendable(now))
    lot = next(found, None)
    if lot is None:
        raise LotNotFound
    return lot


def _with_returned(
    wallet: Wallet, allocation: Allocation, debt_paid: Amount, held_at: int, now: int
) -> tuple[Lot, ...]:
    """The wallet's lots with that allocation returned, but for its last `debt_paid` credits."""
    back, _ = split(allocation, total_taken(allocation) - debt_paid)
    return put_back(wallet.lots, back, held_at, now, lot_number(wallet))
