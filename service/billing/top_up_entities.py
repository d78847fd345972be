"""Automatic top-up: a user's settings, and the rules of when it buys. Pure.

In a file of its own because orders and purchases have entities of their own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.billing.purchases import Purchase
from service.core.amounts import Amount
from service.core.clock import iso
from service.core.errors import Conflict, InvalidRequest, Unavailable
from service.ledger.entities import Wallet, WalletStatus

MAX_FAILURES = 3
COOL_DOWN_MILLISECONDS = 3600 * 1000
# Stripe repeats its response to a key for 24 hours at the least.
RESUMABLE_MILLISECONDS = 23 * 3600 * 1000
# How long a payment by the saved method may be on its way.
ORDER_MILLISECONDS = 14 * 24 * 3600 * 1000
# When another process may go on with a purchase that was begun.
LEASE_MILLISECONDS = 60 * 1000
PROCESSING_PAUSE_MILLISECONDS = 3600 * 1000
# How long a buyer may confirm a payment that their bank did not let pass.
CONFIRMABLE_MILLISECONDS = 7 * 24 * 3600 * 1000
MAX_CAP_CENTS = 10_000_000
_MONTH = len("2026-11")


class TopUpTooLow(InvalidRequest):
    """A threshold below the price of one request would refuse that request before it buys."""

    code = "TOP_UP_THRESHOLD_TOO_LOW"
    summary = "The threshold must be at least what the most expensive request holds."
    details_example: ClassVar[Mapping[str, object]] = {"minimum": 1}


class TopUpCapTooLow(InvalidRequest):
    code = "TOP_UP_CAP_TOO_LOW"
    summary = "The monthly cap must be at least the price of the package."
    details_example: ClassVar[Mapping[str, object]] = {"minimum": 4490}


class PaymentMethodRequired(Conflict):
    code = "PAYMENT_METHOD_REQUIRED"
    summary = "There is no saved payment method to buy with."
    advice = (
        "Buy a package once with `savePaymentMethod`, or let the user add a card in the portal."
    )


class TopUpBusy(Unavailable):
    code = "TOP_UP_BUSY"
    summary = "The settings of automatic top-up are changing just now. Try again."
    retry_after = 2


class OffReason(StrEnum):
    """Why automatic top-up has switched itself off."""

    FAILURES = "failures"
    NO_PAYMENT_METHOD = "no_payment_method"
    PACKAGE_GONE = "package_gone"


class RestReason(StrEnum):
    """Why nothing was bought though it is on."""

    DEBT = "debt"
    DISPUTE = "dispute"
    FROZEN = "frozen"
    MONTHLY_CAP = "monthly_cap"
    REFUND = "refund"


@dataclass(frozen=True, kw_only=True)
class TopUp:
    """What a user has chosen, and how far the purchase under way has come: at most one, named by
    `order_id`. `wanted`: a request was refused for lack of credits. No purchase before `next_at`;
    `spent_cents` are those of `month` (`2026-11`, UTC). `due_at` is when the worker looks at it.
    `confirm_payment_id` is the last payment if it waits for its buyer to confirm it. `rest_reason`
    is why nothing was bought when something last should have been ("": it was)."""

    user_id: str
    enabled: bool
    package_id: str
    threshold: Amount
    monthly_cap_cents: int
    failures: int = 0
    off_reason: str = ""
    rest_reason: str = ""
    wanted: bool = False
    order_id: str = ""
    payment_method_id: str = ""
    payment_id: str = ""
    price_cents: int = 0
    next_at: int = 0
    month: str = ""
    spent_cents: int = 0
    due_at: int | None = None
    confirm_payment_id: str = ""
    version: int = 0

    def changed(self, **fields: object) -> "TopUp":
        return replace(self, version=self.version + 1, **fields)  # type: ignore[arg-type]

    def spent_in(self, month: str) -> int:
        return self.spent_cents if self.month == month else 0


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """A payment that its buyer's bank wants confirmed. Whoever has the `client_secret` can do that,
    and nothing else."""

    order_id: str
    amount_cents: int
    currency: str
    payment_method_id: str
    client_secret: str = field(repr=False)


def month_of(now: int) -> str:
    return iso(now)[:_MONTH]


def is_needed(top_up: TopUp, wallet: Wallet, now: int) -> bool:
    """Whether credits are to be bought: they have run low, or a request was refused for lack of
    them. Not for a disabled user, who could spend nothing of it."""
    if not top_up.enabled or top_up.order_id or wallet.disabled:
        return False
    return top_up.wanted or wallet.spendable(now) < top_up.threshold


def rest_of(wallet: Wallet) -> RestReason | None:
    """What of the wallet keeps needed credits from being bought: debt is a sign that something is
    wrong."""
    if wallet.status is not WalletStatus.OPEN:
        return RestReason.FROZEN
    return RestReason.DEBT if wallet.debt else None


def rest_after(purchases: Iterable[Purchase], top_up: TopUp, now: int) -> RestReason | None:
    """What of earlier payments does so. What has just been refunded may be all that has lowered the
    balance: whoever got their money back is not charged again before a request of theirs is
    refused."""
    found = tuple(purchases)
    if _has_trouble(found):
        return RestReason.DISPUTE
    is_refunded = not top_up.wanted and _is_refunded(found, now)
    return RestReason.REFUND if is_refunded else None


def begun(top_up: TopUp, order_id: str, method_id: str, price_cents: int, now: int) -> TopUp | None:
    """The purchase is under way; None where the cap of the month leaves no room for it."""
    month = month_of(now)
    spent = top_up.spent_in(month) + price_cents
    if spent > top_up.monthly_cap_cents:
        return None
    return top_up.changed(
        wanted=False,
        rest_reason="",
        order_id=order_id,
        payment_method_id=method_id,
        payment_id="",
        confirm_payment_id="",
        price_cents=price_cents,
        next_at=now + COOL_DOWN_MILLISECONDS,
        month=month,
        spent_cents=spent,
        due_at=now + LEASE_MILLISECONDS,
    )


def succeeded(top_up: TopUp) -> TopUp:
    return _ended(top_up, failures=0)


def failed(top_up: TopUp, *, returned: bool, confirm_payment_id: str = "") -> TopUp:
    """After the third failure in a row it switches itself off. `returned`: nothing was paid, so the
    amount leaves the cap; `confirm_payment_id`: the buyer may yet confirm that payment."""
    failures = top_up.failures + 1
    off = failures >= MAX_FAILURES
    spent = top_up.spent_cents - (top_up.price_cents if returned else 0)
    return _ended(
        top_up,
        failures=failures,
        confirm_payment_id=confirm_payment_id,
        spent_cents=max(0, spent),
        enabled=top_up.enabled and not off,
        off_reason=OffReason.FAILURES.value if off else top_up.off_reason,
    )


def confirmed(top_up: TopUp, paid_cents: int) -> TopUp:
    """The payment that waited for its buyer is made. Its amount counts towards the cap of the month
    in which it was begun: none has been begun since."""
    return top_up.changed(
        confirm_payment_id="", failures=0, spent_cents=top_up.spent_cents + paid_cents
    )


def switched_off(top_up: TopUp, reason: OffReason) -> TopUp:
    return top_up.changed(
        enabled=False, off_reason=reason.value, rest_reason="", wanted=False, due_at=None
    )


def _ended(top_up: TopUp, **fields: object) -> TopUp:
    return top_up.changed(
        **{"order_id": "", "payment_id": "", "price_cents": 0, "due_at": None, **fields}
    )


def _has_trouble(purchases: Iterable[Purchase]) -> bool:
    """Whether a dispute or an early fraud warning stands against one of them."""
    return any(each.disputed_cents or each.warned for each in purchases)


def _is_refunded(purchases: Iterable[Purchase], now: int) -> bool:
    """Whether one that has been refunded was settled within the hour."""
    since = now - COOL_DOWN_MILLISECONDS
    return any(each.refunded_cents and each.updated_at > since for each in purchases)
