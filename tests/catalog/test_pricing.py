"""Prices are exact: no usage costs less than its rates say, and none more than its bound."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.catalog.pricing import (
    MAX_COUNT,
    MAX_PRICE,
    MAX_RATE,
    Counter,
    Flat,
    Metered,
    Price,
    Rate,
    Terms,
    UsageNotCounted,
    terms_from,
    total,
    uncounted,
)
from service.core.amounts import MICROS, SCALE, Amount, amount_of

INPUT = (Counter.INPUT_TOKENS, Counter.CACHED_TOKENS, Counter.CACHE_WRITE_TOKENS)
TOKENS = {
    Rate.INPUT: 500_000,
    Rate.CACHED: 50_000,
    Rate.CACHE_WRITE: 625_000,
    Rate.OUTPUT: 2_500_000,
}
counts = st.integers(0, 10**12)
usages = st.fixed_dictionaries(dict.fromkeys(Counter, counts))


@st.composite
def metered(draw: Any) -> Metered:
    rates = draw(st.dictionaries(st.sampled_from(Rate), st.integers(0, MAX_RATE), min_size=1))
    assume(any(rates.values()) and not {Rate.SECOND, Rate.MINUTE} <= rates.keys())
    minimum = draw(st.integers(0, MAX_PRICE))
    maximum = draw(st.none() | st.integers(max(minimum, 1), MAX_PRICE))
    return Metered(rates, minimum, maximum)


terms = metered() | st.integers(1, MAX_PRICE).map(Flat)


def of_parts(rates: dict[Rate, int], usage: dict[Counter, int]) -> Fraction:
    """The sum in credits, reckoned independently."""
    per = {
        Rate.SECOND: Fraction(usage[Counter.MILLISECONDS], 1000),
        Rate.MINUTE: Fraction(usage[Counter.MILLISECONDS], 60_000),
        Rate.IMAGE: Fraction(usage[Counter.IMAGES]),
        Rate.INPUT: Fraction(usage[Counter.INPUT_TOKENS], 10**6),
        Rate.CACHED: Fraction(usage[Counter.CACHED_TOKENS], 10**6),
        Rate.CACHE_WRITE: Fraction(usage[Counter.CACHE_WRITE_TOKENS], 10**6),
        Rate.OUTPUT: Fraction(usage[Counter.OUTPUT_TOKENS], 10**6),
    }
    return sum((Fraction(rates[rate], MICROS) * per[rate] for rate in rates), Fraction())


@given(metered(), usages)
def test_a_cost_is_the_sum_rounded_up_to_the_thousandth(
    price: Metered, usage: dict[Counter, int]
) -> None:
    exact = of_parts(dict(price.rates), usage)
    amount = Metered(price.rates).cost(usage)
    assert Fraction(amount - 1, SCALE) < exact <= Fraction(amount, SCALE)


@given(metered(), usages)
def test_complete_work_costs_between_the_minimum_and_the_maximum(
    price: Metered, usage: dict[Counter, int]
) -> None:
    plain = Metered(price.rates).cost(usage)
    limit = 10**30 if price.maximum is None else price.maximum
    assert price.cost(usage) == min(max(plain, price.minimum), limit)
    assert price.cost(usage, is_complete=False) == min(plain, limit)


@st.composite
def within(draw: Any) -> tuple[dict[Counter, int], dict[Counter, int]]:
    """Limits, and usage within them: the parts of the input share the limit of all input."""
    limits = draw(usages)
    usage = {counter: draw(st.integers(0, limit)) for counter, limit in limits.items()}
    left = limits[Counter.INPUT_TOKENS]
    for counter in INPUT:
        usage[counter] = draw(st.integers(0, left))
        left -= usage[counter]
    return limits, usage


@given(terms, within())
def test_no_usage_within_its_limits_costs_more_than_the_bound(
    price: Terms, both: tuple[dict[Counter, int], dict[Counter, int]]
) -> None:
    limits, usage = both
    assert price.cost(usage) <= price.bound(limits)
    assert price.cost(usage, is_complete=False) <= price.bound(limits)


@given(metered(), usages, st.sampled_from(Counter), counts)
def test_more_usage_never_costs_less(
    price: Metered, usage: dict[Counter, int], counter: Counter, more: int
) -> None:
    assert price.cost(usage) <= price.cost({**usage, counter: usage[counter] + more})


@given(terms)
def test_terms_survive_their_spelling(price: Terms) -> None:
    assert terms_from(price.text) == price
    assert [*price.faults()] == []


@given(terms, terms)
def test_prices_have_the_same_version_exactly_if_they_have_the_same_terms(
    one: Terms, other: Terms
) -> None:
    versions = {Price("a:b", one).version, Price("a:b", other, effective_at=5).version}
    assert (len(versions) == 1) == (one == other)


def test_the_version_of_a_flat_price_is_that_of_every_release() -> None:
    """Jobs keep it."""
    assert Price("kling:image2video", Flat(1000)).version == "4cc84d4d"


@pytest.mark.parametrize(
    ("usage", "amount"),
    [
        ((0, 0, 0, 0), 0),
        ((1, 0, 0, 0), 1),
        ((1_000_000, 0, 0, 0), 500),
        ((1_000_001, 0, 0, 0), 501),
        ((12_000, 88_000, 4_000, 700), 15),
    ],
)
def test_tokens_are_priced_by_the_million(usage: tuple[int, ...], amount: Amount) -> None:
    counters = (*INPUT, Counter.OUTPUT_TOKENS)
    assert Metered(TOKENS).cost(dict(zip(counters, usage, strict=True))) == amount


def test_input_is_bounded_at_its_dearest_rate() -> None:
    limits = {Counter.INPUT_TOKENS: 1_000_000, Counter.OUTPUT_TOKENS: 1_000_000}
    assert Metered(TOKENS).bound(limits) == 625 + 2500


def test_a_minute_is_sixty_seconds() -> None:
    """A third of a minute at a third of a credit: no decimal number is exact here."""
    usage = {Counter.MILLISECONDS: 20_000}
    assert Metered({Rate.MINUTE: 333_333}).cost(usage) == 112
    assert total({Rate.MINUTE: 1}, {Counter.MILLISECONDS: 1}) == Fraction(1, 60_000)


@pytest.mark.parametrize("count", [None, -1, 1.5, True, "7", MAX_COUNT + 1])
def test_usage_that_cannot_be_is_not_priced(count: Any) -> None:
    with pytest.raises(UsageNotCounted, match="images"):
        Metered({Rate.IMAGE: 1}).cost({Counter.IMAGES: count})


def test_usage_without_a_counter_that_has_a_rate_is_not_priced() -> None:
    with pytest.raises(UsageNotCounted, match="outputTokens"):
        Metered(TOKENS).bound({Counter.INPUT_TOKENS: 5})
    assert uncounted(Metered(TOKENS), {"inputTokens", "outputTokens"}) == (
        "cacheWriteTokens",
        "cachedTokens",
    )


@pytest.mark.parametrize(
    "price",
    [
        Flat(0),
        Flat(-1),
        Flat(MAX_PRICE + 1),
        Metered({}),
        Metered({Rate.IMAGE: 0}),
        Metered({Rate.IMAGE: -1, Rate.OUTPUT: 5}),
        Metered({Rate.IMAGE: MAX_RATE + 1}),
        Metered({Rate.SECOND: 1, Rate.MINUTE: 1}),
        Metered({Rate.IMAGE: 1}, minimum=-1),
        Metered({Rate.IMAGE: 1}, minimum=2, maximum=1),
        Metered({Rate.IMAGE: 1}, maximum=0),
        Metered({Rate.IMAGE: 1}, maximum=MAX_PRICE + 1),
    ],
    ids=repr,
)
def test_terms_that_would_be_free_or_absurd_are_refused(price: Terms) -> None:
    assert [*price.faults()]
    with pytest.raises(ValueError, match=r"price|rate|must|m[ai][nx]imum"):
        terms_from(price.text)


@pytest.mark.parametrize(
    "text",
    [*("", "0", "1.0", "01", "1e3", "free", "i", "i1 i2", "o1 i1", "i1  o1", "i1 "), "i0.0000001"],
)
def test_another_spelling_is_not_the_terms_of_a_price(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|not the|A price"):
        terms_from(text)


def test_amounts_and_rates_are_what_they_say() -> None:
    price = Metered({Rate.SECOND: 10_000}, amount_of(1), amount_of(20))
    assert price.text == "s0.01 >1 <20"
    assert price.cost({Counter.MILLISECONDS: 150_000}) == 1500
