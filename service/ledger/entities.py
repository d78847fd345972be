"""Wallets, entries, and the pure rules of how credits move (docs/architecture.md).

Every rule takes a wallet and returns a `Movement`: the wallet afterwards and the entries that say
what happened. Credits are counted in thousandths (`core.amounts`), times are epoch milliseconds.
Nothing here reads a clock, a key or a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import SCALE, Amount, credits_number, credits_text
from service.core.errors import Forbidden, RateLimited, Unavailable
from service.ledger.lots import (
    MAX_LOTS,
    Allocation,
    Lot,
    LotKind,
    burn,
    divide,
    put_back,
    remaining,
    split,
    tidy,
    total_taken,
    whole,
)

MAX_CREDITS = 10**12 * SCALE
GET_MORE = "Wait for held credits to come back, or get more credits."
EXAMPLE_JOB = {"jobId": "job_01kb7r3v6q8f2x0m4n5p6q7r8s"}


class EntryKind(StrEnum):
    INITIAL = "INITIAL"
    GRANT = "GRANT"
    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    CLAWBACK = "CLAWBACK"


class WalletStatus(StrEnum):
    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


class InsufficientCredits(Forbidden):
    code = "INSUFFICIENT_CREDITS"
    summary = "Not enough credits for this request."
    details_example: ClassVar[Mapping[str, object]] = {
        "required": 1,
        "available": 0,
        "action": GET_MORE,
    }


class WalletFrozen(Forbidden):
    code = "WALLET_FROZEN"
    summary = "This wallet is frozen until an operator has looked at it. No credit is lost."


class WalletBusy(Unavailable):
    """Only conflicts and throttles until the deadline: surely nothing was written."""

    code = "WALLET_BUSY"
    summary = "Too much is happening on this wallet at once. Nothing was charged; try again."
    retry_after = 1


class StaleRead(Exception):
    """The data behind a decision has changed; read and decide again."""


class OutcomeUnknown(Unavailable):
    """A wallet write was sent and no response came back: it may have happened, or may yet."""

    code = "OUTCOME_UNKNOWN"
    summary = (
        "It is not yet known whether this request was accepted. Get the job in details.jobId, or "
        "repeat with the same Idempotency-Key."
    )
    retry_after = 5
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


class TooManyWaiting(RateLimited):
    summary = "Too many requests for this wallet are in progress."
    retry_after = 1


@dataclass(frozen=True)
class Wallet:
    """One user's balances. `credits` is available, `held` set aside for open jobs; the rest are
    totals over all time. `version` counts its entries, `head` is the MAC of the last one.

    `fingerprints` are the devices that the user works on; those in `new_devices` have no item of
    their own yet. `device_count` is how many device items the user has."""

    user_id: str
    version: int = 0
    head: str = ""
    status: WalletStatus = WalletStatus.OPEN
    credits: Amount = 0
    held: Amount = 0
    granted: Amount = 0
    captured: Amount = 0
    expired: Amount = 0
    clawed_back: Amount = 0
    debt: Amount = 0
    lots: tuple[Lot, ...] = ()
    fingerprints: frozenset[str] = frozenset()
    new_devices: frozenset[str] = frozenset()
    device_count: int = 0
    created_at: int = 0
    updated_at: int = 0

    @property
    def devices_with_item(self) -> frozenset[str]:
        return self.fingerprints - self.new_devices

    def spendable(self, now: int) -> Amount:
        """Credits that can be held at that moment."""
        return remaining(lot for lot in self.lots if lot.spendable(now))

    def faults(self) -> list[str]:
        """What is wrong with these balances taken by themselves; empty for every wallet the rules
        can make."""
        amounts = (
            self.credits,
            self.held,
            self.granted,
            self.captured,
            self.expired,
            self.clawed_back,
            self.debt,
        )
        checks = {
            "a balance is negative": min(amounts) < 0
            or any(lot.remaining <= 0 for lot in self.lots),
            "lots do not sum to credits": remaining(self.lots) != self.credits,
            "granted is not what became of it": self.granted
            != self.credits + self.held + self.captured + self.expired + self.clawed_back,
            "too many lots": len(self.lots) > MAX_LOTS,
        }
        return [fault for fault, found in checks.items() if found]


@dataclass(frozen=True)
class Entry:
    """One immutable movement. `amount` is what the kind moves; `returned` the part of a hold that a
    capture returned; `debt_paid` the part of the incoming credits that paid old debt; `credits` and
    `held` are the balances after it."""

    version: int
    kind: EntryKind
    amount: Amount
    ref: str
    allocation: Allocation
    credits: Amount
    held: Amount
    at: int
    returned: Amount = 0
    debt_paid: Amount = 0
    mac: str = ""


@dataclass(frozen=True)
class Movement:
    """A wallet after some entries, the last of which made it what it is."""

    wallet: Wallet
    entries: tuple[Entry, ...] = ()

    @property
    def opens(self) -> bool:
        """Whether there was no wallet before it."""
        return self.wallet.version == len(self.entries)


@dataclass(frozen=True)
class Deltas:
    """What one entry adds to each balance."""

    credits: Amount = 0
    held: Amount = 0
    granted: Amount = 0
    captured: Amount = 0
    expired: Amount = 0
    clawed_back: Amount = 0
    debt: Amount = 0


def deltas(entry: Entry) -> Deltas:
    """The one meaning of each kind of entry."""
    amount, paid = entry.amount, entry.debt_paid
    match entry.kind:
        case EntryKind.INITIAL | EntryKind.GRANT:
            return Deltas(granted=amount, credits=amount - paid, clawed_back=paid, debt=-paid)
        case EntryKind.HOLD:
            return Deltas(credits=-amount, held=amount)
        case EntryKind.CAPTURE:
            back = entry.returned
            return Deltas(
                held=-amount - back,
                captured=amount,
                credits=back - paid,
                clawed_back=paid,
                debt=-paid,
            )
        case EntryKind.RELEASE:
            return Deltas(held=-amount, credits=amount - paid, clawed_back=paid, debt=-paid)
        case EntryKind.EXPIRE:
            return Deltas(credits=-amount, expired=amount)
        case EntryKind.CLAWBACK:
            taken = total_taken(entry.allocation)
            return Deltas(credits=-taken, clawed_back=taken, debt=amount - taken)


def applied(wallet: Wallet, change: Deltas) -> Wallet:
    """The wallet with those amounts added; nothing else about it changes."""
    sums = {name: amount + getattr(wallet, name) for name, amount in asdict(change).items()}
    return replace(wallet, **sums)


def welcome(wallet: Wallet | None, user_id: str, amount: Amount, now: int) -> Movement:
    """Opens a wallet with its first credits. One that was closed is opened again, with none: one
    welcome per person."""
    if wallet is None:
        fresh = Wallet(user_id=user_id, created_at=now, updated_at=now)
        return grant(fresh, LotKind.FREE, amount, None, "welcome", now, EntryKind.INITIAL)
    return grant(
        replace(wallet, status=WalletStatus.OPEN),
        LotKind.FREE,
        0,
        None,
        "return",
        now,
        EntryKind.INITIAL,
    )


def grant(
    wallet: Wallet,
    kind: LotKind,
    amount: Amount,
    expires_at: int | None,
    ref: str,
    now: int,
    entry_kind: EntryKind = EntryKind.GRANT,
) -> Movement:
    """Adds a lot; debt is paid from it first."""
    paid = min(wallet.debt, amount)
    lot = Lot(_lot_number(wallet), kind, amount - paid, expires_at)
    new = (lot,) if lot.remaining else ()
    lots = (*wallet.lots, *new)
    return _post(wallet, entry_kind, amount, ref, whole(new), lots, now, debt_paid=paid)


def hold(wallet: Wallet, amount: Amount, ref: str, now: int) -> Movement:
    """Sets credits aside, after writing off what has lapsed. The last entry is the HOLD; its
    allocation says from which lots they came.

    Raises `WalletFrozen`, or `InsufficientCredits` with `required` and `available`."""
    now = _entry_time(wallet, now)
    if wallet.status is not WalletStatus.OPEN:
        raise WalletFrozen
    swept = expire(wallet, now)
    available = swept.wallet.spendable(now)
    if available < amount:
        costs, has = credits_text(amount), credits_text(available)
        raise InsufficientCredits(
            f"This request costs {costs} and {has} are available.",
            details={
                "required": credits_number(amount),
                "available": credits_number(available),
                "action": GET_MORE,
            },
        )
    allocation, rest = burn(swept.wallet.lots, amount, now)
    held = _post(swept.wallet, EntryKind.HOLD, amount, ref, allocation, rest, now)
    return Movement(held.wallet, swept.entries + held.entries)


def capture(
    wallet: Wallet, allocation: Allocation, amount: Amount, ref: str, held_at: int, now: int
) -> Movement:
    """Spends `amount` of what that allocation holds and returns the rest to its lots; debt is paid
    from the rest first. Raises `ValueError` for more than is held."""
    if not 0 <= amount <= total_taken(allocation):
        raise ValueError("a capture takes at most what is held")
    now = _entry_time(wallet, now)
    used, rest = split(allocation, amount)
    returned = total_taken(rest)
    paid = min(wallet.debt, returned)
    lots = _with_returned(wallet, rest, paid, held_at, now)
    return _post(
        wallet, EntryKind.CAPTURE, amount, ref, used, lots, now, returned=returned, debt_paid=paid
    )


def release(wallet: Wallet, allocation: Allocation, ref: str, held_at: int, now: int) -> Movement:
    """Returns everything that allocation holds to the lots it came from; debt is paid from it
    first."""
    now = _entry_time(wallet, now)
    amount = total_taken(allocation)
    paid = min(wallet.debt, amount)
    lots = _with_returned(wallet, allocation, paid, held_at, now)
    return _post(wallet, EntryKind.RELEASE, amount, ref, allocation, lots, now, debt_paid=paid)


def expire(wallet: Wallet, now: int) -> Movement:
    """Writes off every lapsed lot in one entry; no entry when there is none."""
    now = _entry_time(wallet, now)
    lapsed = tuple(lot for lot in wallet.lots if lot.lapsed(now))
    if not lapsed:
        return Movement(wallet)
    rest = tuple(lot for lot in wallet.lots if not lot.lapsed(now))
    return _post(wallet, EntryKind.EXPIRE, remaining(lapsed), "expiry", whole(lapsed), rest, now)


def claw_back(wallet: Wallet, amount: Amount, ref: str, now: int) -> Movement:
    """Takes credits back, from the lots that expire last; what is missing becomes
    debt."""
    keep = wallet.credits - min(wallet.credits, amount)
    kept, gone = divide(sorted(wallet.lots, key=lambda lot: lot.burn_order), keep)
    return _post(wallet, EntryKind.CLAWBACK, amount, ref, whole(gone), kept, now)


def _with_returned(
    wallet: Wallet, allocation: Allocation, debt_paid: Amount, held_at: int, now: int
) -> tuple[Lot, ...]:
    """The wallet's lots with that allocation returned, but for its last `debt_paid` credits."""
    back, _ = split(allocation, total_taken(allocation) - debt_paid)
    return put_back(wallet.lots, back, held_at, now, _lot_number(wallet))


def _post(
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
) -> Movement:
    """Adds one entry to the wallet."""
    if not 0 <= amount <= MAX_CREDITS:
        raise ValueError("an amount is a number of thousandths from 0 up")
    at = _entry_time(wallet, now)
    draft = Entry(wallet.version + 1, kind, amount, ref, allocation, 0, 0, at, returned, debt_paid)
    moved = applied(wallet, deltas(draft))
    after = replace(moved, version=draft.version, lots=tidy(lots), updated_at=at)
    return Movement(after, (replace(draft, credits=after.credits, held=after.held),))


def _entry_time(wallet: Wallet, now: int) -> int:
    """The time of the wallet's next entry: along a ledger time never runs backwards. Lots are
    judged at that time too, so that the entries alone say what has become of each."""
    return max(now, wallet.updated_at)


def _lot_number(wallet: Wallet) -> int:
    """Lots are numbered by the entry that makes them, and by their place in it (up to a
    hundred)."""
    return (wallet.version + 1) * 100
