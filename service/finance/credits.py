"""The credits of a month, from its closed days and its purchases. Pure.

In a file of its own because it says which figure comes from which of the two."""

from collections.abc import Iterable, Mapping, Sequence

from service.analytics.figures import ADJUSTED_UP, DayFigures, Moved, added
from service.analytics.operations import HouseReport
from service.billing.purchases import Purchase
from service.core.amounts import Amount
from service.core.days import Day
from service.finance.entities import Credits
from service.ledger.grants import GrantSource
from service.ledger.history_lines import TransactionType


def credits_of_month(
    house: HouseReport, purchases: Sequence[Purchase], bonus: Amount, debt: Amount
) -> Credits:
    """`house` covers the month and the day before it; `purchases` were granted in the month;
    `bonus` is the part of them that was a package's, `debt` that of all wallets."""
    days = [figures for day, figures in house.closed.items() if day > house.days.first]
    total = DayFigures()
    for each in days:
        total = total.plus(each)
    at_end = house.closed.get(house.days.last, DayFigures())
    return Credits(
        sold=_granted(purchases, GrantSource.PURCHASE) - bonus,
        bonus=bonus,
        subscription=_granted(purchases, GrantSource.INVOICE),
        paid_for=_moved(total, TransactionType.PURCHASE),
        granted_free=_moved(total, TransactionType.INITIAL) + _moved(total, TransactionType.BONUS),
        spent=sum(total.charged.values()),
        expired=-_moved(total, TransactionType.EXPIRY),
        clawed_back=-_moved(total, TransactionType.CLAWBACK),
        restored=_moved(total, TransactionType.RESTORATION),
        adjusted=_moved(total, ADJUSTED_UP) + _moved(total, TransactionType.ADJUSTMENT),
        liability=dict(at_end.liability),
        held=sum(at_end.liability.values()) - at_end.balance,
        debt=debt,
    )


def costs_of_month(house: HouseReport) -> Mapping[str, int]:
    """What providers bill for the month's jobs, by currency, in millionths."""
    costs: Mapping[str, int] = {}
    for day, figures in house.closed.items():
        if day > house.days.first:
            for each in figures.operations.values():
                costs = added(costs, each.cost_micros)
    return costs


def missing_of_month(house: HouseReport) -> tuple[Day, ...]:
    """Days of the month without figures: those that no audit has closed, and those that are not
    over. Days before the first wallet have none, and are not missing."""
    days = range(house.days.first.toordinal(), house.days.last.toordinal() + 1)
    absent = [Day.fromordinal(each) for each in days if Day.fromordinal(each) not in house.closed]
    if house.days.first not in house.closed and house.closed:
        absent = [day for day in absent if day > min(house.closed)]
    return tuple(day for day in absent if day > house.days.first)


def _granted(purchases: Iterable[Purchase], source: GrantSource) -> Amount:
    return sum(each.granted for each in purchases if each.source is source)


def _moved(figures: DayFigures, name: str) -> Amount:
    return figures.moved.get(name, Moved()).amount
