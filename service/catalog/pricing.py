"""What a price is made of, and what usage costs by it. Exact: whole numbers and fractions alone.

In a file of its own because kinds of work calculate with it, for credits and for what a provider
bills us alike."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from service.core.amounts import (
    Amount,
    Micros,
    amount_covering,
    amount_of,
    credits_text,
    micros_text,
    parse_credits,
    parse_micros,
)

MAX_PRICE: Amount = amount_of(1_000_000)
MAX_RATE: Micros = parse_micros("1000000")
MAX_COUNT = 2**53 - 1

Usage = Mapping[str, int]
"""How much was used, by counter."""


class Counter(StrEnum):
    """What usage is counted in. The three counters of input have no part in common."""

    MILLISECONDS = "milliseconds"
    IMAGES = "images"
    INPUT_TOKENS = "inputTokens"
    CACHED_TOKENS = "cachedTokens"
    CACHE_WRITE_TOKENS = "cacheWriteTokens"
    OUTPUT_TOKENS = "outputTokens"


class Rate(StrEnum):
    """What a rate is for, by its name in files and on the wire."""

    SECOND = "perSecond"
    MINUTE = "perMinute"
    IMAGE = "perImage"
    INPUT = "perMillionInputTokens"
    CACHED = "perMillionCachedTokens"
    CACHE_WRITE = "perMillionCacheWriteTokens"
    OUTPUT = "perMillionOutputTokens"


_COUNTED: Mapping[Rate, tuple[Counter, int]] = {
    Rate.SECOND: (Counter.MILLISECONDS, 1000),
    Rate.MINUTE: (Counter.MILLISECONDS, 60_000),
    Rate.IMAGE: (Counter.IMAGES, 1),
    Rate.INPUT: (Counter.INPUT_TOKENS, 1_000_000),
    Rate.CACHED: (Counter.CACHED_TOKENS, 1_000_000),
    Rate.CACHE_WRITE: (Counter.CACHE_WRITE_TOKENS, 1_000_000),
    Rate.OUTPUT: (Counter.OUTPUT_TOKENS, 1_000_000),
}
_INPUT = (Rate.INPUT, Rate.CACHED, Rate.CACHE_WRITE)
# One letter for each rate in a price as text; a minimum and a maximum have `>` and `<`.
_LETTERS = dict(zip("smincwo", Rate, strict=True))
_PART = re.compile(r"([smincwo><])([0-9.]+)")

Rates = Mapping[Rate, Micros]
"""Millionths of a credit, or of a currency's unit, for each thing that has a rate."""


class UsageNotCounted(ValueError):
    """Usage that lacks a counter which has a rate, or whose count cannot be."""


@dataclass(frozen=True)
class Flat:
    """The same amount for each job, whatever it uses."""

    amount: Amount

    @property
    def text(self) -> str:
        """The terms in their one spelling."""
        return credits_text(self.amount)

    @property
    def counters(self) -> frozenset[Counter]:
        return frozenset()

    def cost(self, usage: Usage, *, is_complete: bool = True) -> Amount:
        del usage, is_complete
        return self.amount

    def bound(self, limits: Usage) -> Amount:
        del limits
        return self.amount

    def faults(self) -> Iterator[str]:
        if not 0 < self.amount <= MAX_PRICE:
            yield f"A price is from 0.001 to {credits_text(MAX_PRICE)} credits."


@dataclass(frozen=True)
class Metered:
    """A rate for each thing that is counted; their sum is rounded up to the thousandth of a credit.
    Complete work costs at least `minimum`; no work costs more than `maximum`."""

    rates: Rates
    minimum: Amount = 0
    maximum: Amount | None = None

    @property
    def text(self) -> str:
        """The terms in their one spelling, such as `n0.5 o1.25 >0.1 <20`: what items keep."""
        parts = [
            letter + micros_text(self.rates[rate])
            for letter, rate in _LETTERS.items()
            if rate in self.rates
        ]
        parts += [f">{credits_text(self.minimum)}"] if self.minimum else []
        parts += [] if self.maximum is None else [f"<{credits_text(self.maximum)}"]
        return " ".join(parts)

    @property
    def counters(self) -> frozenset[Counter]:
        """What must be counted to price a job."""
        return frozenset(_COUNTED[rate][0] for rate in self.rates)

    def cost(self, usage: Usage, *, is_complete: bool = True) -> Amount:
        """What that usage costs. Raises `UsageNotCounted`."""
        amount = amount_covering(total(self.rates, usage))
        if is_complete:
            amount = max(amount, self.minimum)
        return amount if self.maximum is None else min(amount, self.maximum)

    def bound(self, limits: Usage) -> Amount:
        """The most that usage within these limits can cost. The limit of `inputTokens` is that of
        all input together, and the whole of it is counted at its dearest rate. Raises
        `UsageNotCounted`."""
        input_rates = [self.rates[rate] for rate in _INPUT if rate in self.rates]
        rates = {rate: micros for rate, micros in self.rates.items() if rate not in _INPUT}
        if input_rates:
            rates[Rate.INPUT] = max(input_rates)
        return Metered(rates, self.minimum, self.maximum).cost(limits)

    def faults(self) -> Iterator[str]:
        """A sentence for each rule that these terms break."""
        if not any(self.rates.values()):
            yield "At least one rate must be more than 0."
        if any(not 0 <= micros <= MAX_RATE for micros in self.rates.values()):
            yield f"A rate is from 0 to {micros_text(MAX_RATE)} credits."
        if {Rate.SECOND, Rate.MINUTE} <= self.rates.keys():
            yield "A price is by the second or by the minute, not both."
        if not 0 <= self.minimum <= MAX_PRICE:
            yield f"The minimum is from 0 to {credits_text(MAX_PRICE)} credits."
        if self.maximum is not None and not max(self.minimum, 1) <= self.maximum <= MAX_PRICE:
            yield f"The maximum is from the minimum to {credits_text(MAX_PRICE)} credits."


Terms = Flat | Metered


@dataclass(frozen=True)
class Price:
    """What an operation costs from `effective_at` on (epoch milliseconds; None: whenever nothing
    else is in effect)."""

    operation: str
    terms: Terms
    effective_at: int | None = None

    @property
    def version(self) -> str:
        """Identifies the price: the same operation and terms always have the same version, in every
        process and release."""
        facts = f"{self.operation}\n{self.terms.text}"
        return hashlib.sha256(facts.encode()).hexdigest()[:8]


def terms_from(text: str) -> Terms:
    """The inverse of `text`. Raises `ValueError` for any other spelling, and for terms that break
    a rule."""
    terms = _metered(text) if text[:1] in {*_LETTERS, ">", "<"} else Flat(parse_credits(text))
    faults = [*terms.faults()]
    if faults or terms.text != text:
        raise ValueError(" ".join(faults) or "not the terms of a price")
    return terms


def total(rates: Rates, usage: Usage) -> Fraction:
    """What usage costs by these rates, in exact millionths. Raises `UsageNotCounted`."""
    return sum((_part(rate, micros, usage) for rate, micros in rates.items()), Fraction())


def uncounted(terms: Terms, counters: Collection[str]) -> tuple[str, ...]:
    """The counters that these terms need and that are not among those."""
    return tuple(sorted(str(each) for each in terms.counters - set(counters)))


def _part(rate: Rate, micros: Micros, usage: Usage) -> Fraction:
    counter, unit = _COUNTED[rate]
    count = usage.get(counter)
    if type(count) is not int or not 0 <= count <= MAX_COUNT:
        raise UsageNotCounted(f"no usable count of {counter}")
    return Fraction(micros * count, unit)


def _metered(text: str) -> Metered:
    found = [_PART.fullmatch(part) for part in text.split(" ")]
    values = {match[1]: match[2] for match in found if match}
    if len(values) < len(found):
        raise ValueError("not the terms of a price")
    rates = {rate: parse_micros(values[key]) for key, rate in _LETTERS.items() if key in values}
    maximum = parse_credits(values["<"]) if "<" in values else None
    return Metered(rates, parse_credits(values.get(">", "0")), maximum)
