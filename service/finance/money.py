"""Sums of the lines of a month, and the margin. Pure.

In a file of its own because these are rules of Stripe's reports, not of ours."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from service.billing.stripe_objects import BalanceTransaction
from service.finance.entities import ByCurrency, Money

# Stripe's reporting categories (https://docs.stripe.com/reports/reporting-categories).
_FIELDS = {
    "charge": ("charged", 1),
    "refund": ("refunded", -1),
    "refund_failure": ("refunds_failed", 1),
    "charge_failure": ("charged", 1),
    "partial_capture_reversal": ("charged", 1),
    "dispute": ("disputed", -1),
    "dispute_reversal": ("reinstated", 1),
    "fee": ("fees", -1),
    "network_cost": ("fees", -1),
    "tax": ("fees", -1),
}
# Decimals of a currency's unit, where they are not two (https://docs.stripe.com/currencies).
# Stripe counts ISK and UGX in hundredths, although they have none.
_NO_DECIMALS = {
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
    *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
}
_THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}
_MICROS = 1_000_000


def is_earned(transaction: BalanceTransaction) -> bool:
    """Whether it is a part of what was earned: a payout, say, only moves it elsewhere."""
    return transaction.category in _FIELDS


def money_of(transactions: Iterable[BalanceTransaction]) -> ByCurrency:
    """The sums of what was earned, by currency of the balance."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in transactions:
        if is_earned(each):
            name, sign = _FIELDS[each.category]
            sums[each.currency][name] += sign * each.amount_cents
            sums[each.currency]["fees"] += each.fee_cents
    return {currency: Money(**found) for currency, found in sorted(sums.items())}


def other_of(transactions: Iterable[BalanceTransaction]) -> Mapping[str, Mapping[str, int]]:
    """Net of what moved the balance otherwise, by currency and category."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in transactions:
        if not is_earned(each):
            sums[each.currency][each.category] += each.net_cents
    return {currency: dict(found) for currency, found in sorted(sums.items())}


def micros_of(cents: int, currency: str) -> int:
    """Millionths of the currency's unit."""
    if currency in _THREE_DECIMALS:
        return cents * (_MICROS // 1000)
    return cents * (_MICROS if currency in _NO_DECIMALS else _MICROS // 100)


def margins_of(money: ByCurrency, costs: Mapping[str, int]) -> Mapping[str, int]:
    """What is left of the net money after providers' costs, in millionths, by currency in small
    letters. Currencies are never converted."""
    named = {currency.lower(): micros for currency, micros in costs.items()}
    return {
        currency: micros_of(money.get(currency, Money()).net, currency) - named.get(currency, 0)
        for currency in sorted({*money, *named})
    }
