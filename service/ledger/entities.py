"""Wallets and entries, what an entry means for the balances, and what may go wrong. How credits
move is in `ledger.movements`.

Credits are counted in thousandths (`core.amounts`), times are epoch milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import SCALE, Amount
from service.core.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)
from service.core.principal import Principal, SignInMethod
from service.ledger.details import Details
from service.ledger.lots import MAX_LOTS, Allocation, Lot, remaining, total_taken
from service.ledger.restrictions import open_to

MAX_CREDITS = 10**12 * SCALE
GET_MORE = "Wait for held credits to come back, or get more credits."
TAKE_LESS = "Take at most what is available."
EXAMPLE_JOB = {"jobId": "job_01kb7r3v6q8f2x0m4n5p6q7r8s"}


class EntryKind(StrEnum):
    INITIAL = "INITIAL"
    GRANT = "GRANT"
    HOLD = "HOLD"
    EXTEND = "EXTEND"
    CAPTURE = "CAPTURE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    CLAWBACK = "CLAWBACK"
    RESTORE = "RESTORE"
    ADJUST = "ADJUST"
    VOID = "VOID"
    EDIT = "EDIT"
    FREEZE = "FREEZE"
    THAW = "THAW"
    DISABLE = "DISABLE"
    ENABLE = "ENABLE"
    CLOSING = "CLOSING"
    CLOSE = "CLOSE"


class WalletStatus(StrEnum):
    """Only an open wallet is spent from. In a closing one, whose user is being erased, open jobs
    still settle and payments still arrive."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSING = "closing"
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


class AccountDisabled(Forbidden):
    code = "ACCOUNT_DISABLED"
    summary = "This account has been disabled by an operator: nothing can be requested of it."
    advice = "Show the user whom to contact. Open jobs still settle, and no credit is lost."


class AccountClosed(Unauthenticated):
    """The user was erased after the token was issued: it proves no one any more."""

    code = "ACCOUNT_CLOSED"
    summary = "This account was erased. Sign in again to open one anew."
    advice = "Forget the token. The same person may sign in again, which begins anew."


class AccessTokenRevoked(Unauthenticated):
    """One of the user's sessions was ended since. The token may be that session's."""

    code = "ACCESS_TOKEN_REVOKED"
    summary = (
        "A session of this user was ended, and this access token is older than that. Refresh it; "
        "where that is refused, sign in again."
    )
    advice = "`POST /auth/refresh`, then repeat the request."
    challenge = 'Bearer error="invalid_token"'


class AccountRequired(Forbidden):
    code = "ACCOUNT_REQUIRED"
    summary = "There is no account yet. The first paid request (POST /videos) makes it."
    advice = "Let the user make a first request, then repeat this one."


class AccountClosing(Forbidden):
    """Also for whoever comes back before the erasure has ended."""

    code = "ACCOUNT_CLOSING"
    summary = "This account is being erased. Nothing new can be requested of it."
    advice = (
        "Show the user that the account is being erased. Once GET /me/account/erasure says "
        "`finished`, the same person can sign up again."
    )


class IdempotencyKeyReused(Unprocessable):
    code = "IDEMPOTENCY_KEY_REUSED"
    summary = "This Idempotency-Key was used with another request. Use a new key for a new request."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


class GrantConflict(Conflict):
    """A name that stands for one grant was used for another: an operator is called."""

    code = "GRANT_CONFLICT"
    summary = "Another grant was made under this name, for another user or amount."


class LotNotFound(NotFound):
    code = "LOT_NOT_FOUND"
    summary = "This wallet has no such lot, or it has expired."


class ExpiryInvalid(InvalidRequest):
    code = "EXPIRY_INVALID"
    summary = "Credits must expire later than now."


class UserNotFound(NotFound):
    code = "USER_NOT_FOUND"
    summary = "There is no such user, or the account is closed."


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
    totals over all time (`removed`: what operators took). `version` counts its entries, `head` is
    the MAC of the last one.

    `open_jobs` are the hard limits of jobs in flight in epoch seconds, by kind of work;
    `spent_today` is what holds of the UTC day `day` (days since 1970-01-01) took, less what came
    back; `loss_today` is the house loss of jobs that ended on `loss_day` (`ledger.limits`).
    `fingerprints` are the devices that the user works on; those in `new_devices` have no item of
    their own yet. `device_count` is how many device items the user has. `low_balance` is the
    balance below which the user wants to be notified, 0 for never. `welcomed` says whether the
    wallet was given the welcome credits. While it is `disabled` its user is refused, whatever the
    status, also after an erasure; a wallet that was frozen when its user left `returns_frozen`.
    Session tokens issued before `sessions_valid_from` (epoch milliseconds) are refused."""

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
    removed: Amount = 0
    lots: tuple[Lot, ...] = ()
    open_jobs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    day: int = 0
    spent_today: Amount = 0
    loss_day: int = 0
    loss_today: Amount = 0
    fingerprints: frozenset[str] = frozenset()
    new_devices: frozenset[str] = frozenset()
    device_count: int = 0
    low_balance: Amount = 0
    sessions_valid_from: int = 0
    welcomed: bool = True
    disabled: bool = False
    returns_frozen: bool = False
    created_at: int = 0
    updated_at: int = 0

    @property
    def is_leaving(self) -> bool:
        """Whether its user is being erased, or has been."""
        return self.status in (WalletStatus.CLOSING, WalletStatus.CLOSED)

    @property
    def devices_with_item(self) -> frozenset[str]:
        return self.fingerprints - self.new_devices

    def spendable(self, now: int, operation: str | None = None) -> Amount:
        """Credits that can be held at that moment for that operation; None: for whichever they may
        be spent on."""
        restrictions = None if operation is None else open_to(operation)
        return remaining(
            lot
            for lot in self.lots
            if lot.spendable(now) and (restrictions is None or lot.restriction in restrictions)
        )

    def faults(self) -> list[str]:
        """What is wrong with these balances taken by themselves; empty for every wallet the rules
        can make. What only limits count is not judged: it must never stop a settlement."""
        gone = self.captured, self.expired, self.clawed_back, self.removed
        became = (self.credits, self.held, *gone)
        amounts = (*became, self.granted, self.debt)
        checks = {
            "a balance is negative": min(amounts) < 0
            or any(lot.remaining <= 0 for lot in self.lots),
            "lots do not sum to credits": remaining(self.lots) != self.credits,
            "granted is not what became of it": self.granted != sum(became),
            "debt stands although there are credits": self.debt > 0 and self.credits > 0,
            "too many lots": len(self.lots) > MAX_LOTS,
        }
        return [fault for fault, found in checks.items() if found]


@dataclass(frozen=True)
class Balance:
    """A wallet, and the moment at which its lots are to be judged."""

    wallet: Wallet | None
    at: int


@dataclass(frozen=True)
class Entry:
    """One immutable movement. `amount` is what the kind moves, below 0 where an ADJUST takes; an
    EDIT (whose allocation is the lot with its new end) and what changes a status move nothing; an
    EXTEND adds to a HOLD; a RESTORE returns what a CLAWBACK took; a CLOSE writes off what is left.
    `returned` is what a capture returned, `debt_paid` what of the incoming credits paid debt;
    `credits` and `held` are the balances after it; `details` say what it was for."""

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
    details: Details = field(default_factory=dict)
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
    removed: Amount = 0


def deltas(entry: Entry) -> Deltas:
    """The one meaning of each kind of entry."""
    amount, paid = entry.amount, entry.debt_paid
    match entry.kind:
        case EntryKind.INITIAL | EntryKind.GRANT:
            return Deltas(granted=amount, credits=amount - paid, clawed_back=paid, debt=-paid)
        case EntryKind.HOLD | EntryKind.EXTEND:
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
        case EntryKind.EXPIRE | EntryKind.CLOSE:
            return Deltas(credits=-amount, expired=amount)
        case EntryKind.CLAWBACK | EntryKind.RESTORE:
            return _claw_back_deltas(entry)
        case EntryKind.ADJUST | EntryKind.VOID | EntryKind.EDIT:
            return _correction_deltas(entry)
        case (
            EntryKind.FREEZE
            | EntryKind.THAW
            | EntryKind.DISABLE
            | EntryKind.ENABLE
            | EntryKind.CLOSING
        ):
            return Deltas()


def _claw_back_deltas(entry: Entry) -> Deltas:
    moved = total_taken(entry.allocation)
    if entry.kind is EntryKind.CLAWBACK:
        return Deltas(credits=-moved, clawed_back=moved, debt=entry.amount - moved)
    return Deltas(credits=moved, clawed_back=-moved, debt=-entry.debt_paid)


def _correction_deltas(entry: Entry) -> Deltas:
    amount, paid = entry.amount, entry.debt_paid
    if entry.kind is EntryKind.ADJUST and amount > 0:
        return Deltas(granted=amount, credits=amount - paid, clawed_back=paid, debt=-paid)
    return Deltas(credits=-abs(amount), removed=abs(amount))


def applied(wallet: Wallet, change: Deltas) -> Wallet:
    """The wallet with those amounts added; nothing else about it changes."""
    sums = {name: amount + getattr(wallet, name) for name, amount in vars(change).items()}
    return replace(wallet, **sums)


def check_account(status: WalletStatus, changed_at: int, principal: Principal) -> None:
    """Refuses a token that was issued before its user's wallet was closed. `changed_at` is the last
    change of the wallet, and the closing is the last of all. A bare GoogleID has no such time: it
    is trusted like a token that was issued at this moment. Raises `AccountClosed`."""
    issued_at = principal.issued_at
    if status is WalletStatus.CLOSED and issued_at is not None and issued_at <= changed_at:
        raise AccountClosed


def check_session(valid_from: int, principal: Principal) -> None:
    """Refuses an older access token of a session. Raises `AccessTokenRevoked`."""
    issued_at = principal.issued_at
    is_session = principal.method is SignInMethod.SESSION
    if is_session and issued_at is not None and issued_at < valid_from:
        raise AccessTokenRevoked


def check_enabled(*, disabled: bool) -> None:
    """Refuses a disabled user. Raises `AccountDisabled`."""
    if disabled:
        raise AccountDisabled


def check_wallet(wallet: Wallet | None, principal: Principal) -> None:
    """As the three checks above, for who has read the wallet anyway."""
    if wallet is not None:
        check_account(wallet.status, wallet.updated_at, principal)
        check_enabled(disabled=wallet.disabled)
        check_session(wallet.sessions_valid_from, principal)
