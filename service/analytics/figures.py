"""What happened to everybody's credits on each of some closed days, as sums that can be added and
written down. Pure.

In a file of its own because the audit carries these sums through its walk, account by account."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from service.analytics.entities import Days, Usage
from service.core.amounts import Amount, credits_text, parse_credits
from service.core.days import Day, day_before, day_from

MAX_OPERATIONS = 200
MAX_SPENDERS = 20
OTHER_OPERATIONS = "(others)"
ADJUSTED_UP = "ADJUSTMENT_UP"

Name = TypeVar("Name")
Value = TypeVar("Value")
Amounts = Mapping[str, Amount]


@dataclass(frozen=True)
class OperationFigures:
    """The jobs of one operation. `cost_micros` is what providers bill for them by currency, in
    millionths; `house_loss` was delivered and not charged, by so many jobs."""

    usage: Usage = Usage()
    cost_micros: Mapping[str, int] = field(default_factory=dict)
    house_loss: Amount = 0
    house_losses: int = 0

    def plus(self, other: "OperationFigures") -> "OperationFigures":
        return OperationFigures(
            self.usage.plus(other.usage),
            added(self.cost_micros, other.cost_micros),
            self.house_loss + other.house_loss,
            self.house_losses + other.house_losses,
        )


@dataclass(frozen=True)
class Moved:
    """So many lines of history of one type, and what they added to balances."""

    count: int = 0
    amount: Amount = 0

    def plus(self, other: "Moved") -> "Moved":
        return Moved(self.count + other.count, self.amount + other.amount)


@dataclass(frozen=True, order=True)
class Spender:
    """A user who was charged."""

    credits: Amount
    user_id: str
    jobs: int


@dataclass(frozen=True)
class DayFigures:
    """One day. `moved` is by type of history line, what operators added apart as `ADJUSTED_UP`;
    `charged` what was captured by kind of lot.
    `wallets`, `balance` (what could be spent) and `liability` (by kind of lot, held credits
    included) are as they were at the day's end. `top` are those who were charged most, of all
    `spenders`."""

    operations: Mapping[str, OperationFigures] = field(default_factory=dict)
    moved: Mapping[str, Moved] = field(default_factory=dict)
    charged: Amounts = field(default_factory=dict)
    liability: Amounts = field(default_factory=dict)
    balance: Amount = 0
    wallets: int = 0
    spenders: int = 0
    top: tuple[Spender, ...] = ()

    def plus(self, other: "DayFigures") -> "DayFigures":
        return DayFigures(
            merged(self.operations, other.operations, OperationFigures.plus),
            merged(self.moved, other.moved, Moved.plus),
            added(self.charged, other.charged),
            added(self.liability, other.liability),
            self.balance + other.balance,
            self.wallets + other.wallets,
            self.spenders + other.spenders,
            tuple(sorted((*self.top, *other.top), reverse=True)[:MAX_SPENDERS]),
        )

    @property
    def of_ledger(self) -> "DayFigures":
        """Without what may still change afterwards: a job that failed may be delivered late."""
        kept = {
            name: OperationFigures(each.usage)
            for name, each in self.operations.items()
            if each.usage.count
        }
        return replace(self, operations=kept)


@dataclass(frozen=True)
class HouseFigures:
    """The figures of each of those days."""

    days: Days
    by_day: Mapping[Day, DayFigures] = field(default_factory=dict)

    def plus(self, by_day: Mapping[Day, DayFigures]) -> "HouseFigures":
        return HouseFigures(self.days, merged(self.by_day, by_day, DayFigures.plus))

    def document(self) -> dict[str, Any]:
        return {
            "from": self.days.first.isoformat(),
            "to": self.days.last.isoformat(),
            "days": {day.isoformat(): day_document(each) for day, each in self.by_day.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "HouseFigures":
        """Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for what `document`
        never returned."""
        days = Days(day_from(document["from"]), day_from(document["to"]))
        by_day = {day_from(day): day_from_document(each) for day, each in document["days"].items()}
        return cls(days, by_day)


def each_day(days: Days) -> list[Day]:
    """The days, the first one first."""
    return [day_before(days.last, back) for back in reversed(range(days.count))]


def merged(
    one: Mapping[Name, Value], other: Mapping[Name, Value], plus: Callable[[Value, Value], Value]
) -> dict[Name, Value]:
    """Both, and the sum of what is in both."""
    result = dict(one)
    for name, value in other.items():
        result[name] = plus(result[name], value) if name in result else value
    return result


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return merged(one, other, lambda left, right: left + right)


def bounded(figures: DayFigures) -> DayFigures:
    """With at most `MAX_OPERATIONS`, the smallest of them summed up as `OTHER_OPERATIONS`."""
    ranked = sorted(figures.operations.items(), key=lambda each: (-each[1].usage.credits, each[0]))
    if len(ranked) <= MAX_OPERATIONS:
        return figures
    others = OperationFigures()
    for _, each in ranked[MAX_OPERATIONS - 1 :]:
        others = others.plus(each)
    kept = dict(ranked[: MAX_OPERATIONS - 1])
    return replace(figures, operations={**kept, OTHER_OPERATIONS: others})


def text_of(figures: DayFigures) -> str:
    """The same figures as the same text."""
    return json.dumps(day_document(figures), separators=(",", ":"), sort_keys=True)


def day_document(figures: DayFigures) -> dict[str, Any]:
    return {
        "operations": {name: _operation(each) for name, each in figures.operations.items()},
        "moved": {
            name: {"count": each.count, "credits": credits_text(each.amount)}
            for name, each in figures.moved.items()
        },
        "charged": _texts(figures.charged),
        "liability": _texts(figures.liability),
        "balance": credits_text(figures.balance),
        "wallets": figures.wallets,
        "spenders": figures.spenders,
        "top": [[each.user_id, credits_text(each.credits), each.jobs] for each in figures.top],
    }


def day_from_document(document: Mapping[str, Any]) -> DayFigures:
    """The inverse. Raises what `HouseFigures.from_document` does."""
    return DayFigures(
        operations={name: _operation_from(each) for name, each in document["operations"].items()},
        moved={
            name: Moved(_whole(each["count"]), _amount(each["credits"]))
            for name, each in document["moved"].items()
        },
        charged=_amounts(document["charged"]),
        liability=_amounts(document["liability"]),
        balance=_amount(document["balance"]),
        wallets=_whole(document["wallets"]),
        spenders=_whole(document["spenders"]),
        top=tuple(_spenders(document["top"])),
    )


def _operation(each: OperationFigures) -> dict[str, Any]:
    usage = each.usage
    return {
        "count": usage.count,
        "failures": usage.failures,
        "credits": credits_text(usage.credits),
        "timed": usage.timed,
        "latencyMilliseconds": usage.latency_milliseconds,
        "maxLatencyMilliseconds": usage.max_latency_milliseconds,
        "costMicros": dict(each.cost_micros),
        "houseLoss": credits_text(each.house_loss),
        "houseLosses": each.house_losses,
    }


def _operation_from(document: Mapping[str, Any]) -> OperationFigures:
    usage = Usage(
        _whole(document["count"]),
        _whole(document["failures"]),
        _amount(document["credits"]),
        _whole(document["timed"]),
        _whole(document["latencyMilliseconds"]),
        _whole(document["maxLatencyMilliseconds"]),
    )
    costs = {str(name): _whole(micros) for name, micros in document["costMicros"].items()}
    return OperationFigures(
        usage, costs, _amount(document["houseLoss"]), _whole(document["houseLosses"])
    )


def _spenders(rows: Iterable[tuple[str, str, int]]) -> Iterable[Spender]:
    return (Spender(_amount(spent), str(user_id), _whole(jobs)) for user_id, spent, jobs in rows)


def _texts(amounts: Amounts) -> dict[str, str]:
    return {name: credits_text(amount) for name, amount in amounts.items()}


def _amounts(texts: Mapping[str, str]) -> dict[str, Amount]:
    return {name: _amount(text) for name, text in texts.items()}


def _amount(text: str) -> Amount:
    return -parse_credits(text[1:]) if text.startswith("-") else parse_credits(text)


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value
