"""A month, the sums of its money and credits, and what does not match. Pure.

Money is whole numbers of the currency's smallest unit ("cents"), credits are thousandths
(`core.amounts`), times epoch milliseconds. Months are UTC, as Stripe's reports are by default."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from service.billing.stripe_objects import BalanceTransaction
from service.core.amounts import Amount
from service.core.days import Day, day_before, end_of, start_of
from service.core.errors import Conflict, NotFound

_MONTH = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])")


class ReportNotFound(NotFound):
    code = "FINANCE_REPORT_NOT_FOUND"
    summary = "No report of this month has been made."
    advice = "Run `farebox finance --month` (docs/finance.md)."


class ReportDamaged(Conflict):
    """No one should book what someone has edited."""

    code = "FINANCE_REPORT_DAMAGED"
    summary = "The stored report of this month is not as this service wrote it. Make it again."


class FinanceStopped(Exception):
    """Stopped before its end, or never complete: the reason."""


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC."""

    first: Day
    last: Day

    @classmethod
    def from_text(cls, text: str) -> "Month":
        """The inverse of `str`. Raises `ValueError` for anything but `2026-11`."""
        found = _MONTH.fullmatch(text)
        if found is None:
            raise ValueError("must be a month, as in 2026-11")
        year, number = int(found[1]), int(found[2])
        following = Day(year + number // 12, number % 12 + 1, 1)
        return cls(Day(year, number, 1), day_before(following, 1))

    @property
    def from_at(self) -> int:
        return start_of(self.first)

    @property
    def before_at(self) -> int:
        return end_of(self.last)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


class Mismatch(StrEnum):
    """What does not match."""

    NOT_GRANTED = "paid at Stripe, nothing granted"
    NOT_AT_STRIPE = "granted, not at Stripe"
    AMOUNT = "amount differs"
    CURRENCY = "currency differs"
    REFUND = "refund not followed"
    DISPUTE = "dispute not followed"
    CREDIT = "credit not followed"
    CREDITS = "clawed-back credits differ"


MATCHED = "matched"
NOT_OURS = "not ours"
NOT_A_PAYMENT = "not a payment"


@dataclass(frozen=True)
class Difference:
    """A payment that does not match, why, and both sides of it."""

    payment_id: str
    mismatch: Mismatch
    at_stripe: str = ""
    here: str = ""
    user_id: str = ""


@dataclass(frozen=True)
class Line:
    """A balance transaction, the payment it belongs to, whose it is, and whether it matches."""

    transaction: BalanceTransaction
    result: str
    payment_id: str = ""
    user_id: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Money:
    """What came in and went out in one currency of our balance. All but `net` are positive where
    they are what their name says."""

    charged: int = 0
    refunded: int = 0
    refunds_failed: int = 0
    disputed: int = 0
    reinstated: int = 0
    fees: int = 0

    @property
    def net(self) -> int:
        earned = self.charged - self.refunded + self.refunds_failed
        return earned - self.disputed + self.reinstated - self.fees


ByCurrency = Mapping[str, Money]
Amounts = Mapping[str, Amount]


@dataclass(frozen=True, kw_only=True)
class Credits:
    """The credits of a month. `sold`, `bonus` and `subscription` are of its purchases, the rest of
    its closed days, but for `debt`: that of all wallets when the report was made. `paid_for` is
    what purchases added to balances by the closed days: less than was sold where it paid debt.
    `adjusted` is negative where operators took more than they added."""

    sold: Amount = 0
    bonus: Amount = 0
    subscription: Amount = 0
    paid_for: Amount = 0
    granted_free: Amount = 0
    spent: Amount = 0
    expired: Amount = 0
    clawed_back: Amount = 0
    restored: Amount = 0
    adjusted: Amount = 0
    liability: Amounts = field(default_factory=dict)
    held: Amount = 0
    debt: Amount = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """A month. `money` is ours, `not_ours` that of other payments of the account, `other` what
    moved the balance and is neither (payouts), by currency and category. `missing` are days that no
    audit has closed. `costs` are what providers bill, in millionths of a currency's unit."""

    month: Month
    made_at: int
    credits: Credits
    money: ByCurrency
    not_ours: ByCurrency
    other: Mapping[str, Mapping[str, int]]
    costs: Mapping[str, int]
    missing: tuple[Day, ...]
    lines: tuple[Line, ...]
    differences: tuple[Difference, ...]

    @property
    def matches(self) -> bool:
        """Whether nothing differs and no day is missing."""
        return not self.differences and not self.missing
