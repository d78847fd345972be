"""Amounts of credits: exact both ways, in every form."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.amounts import (
    SCALE,
    amount_of,
    credits_number,
    credits_of,
    credits_text,
    parse_credits,
)

amounts = st.integers(0, 10**15)


def test_the_scale_never_changes() -> None:
    """Items are read by it."""
    assert SCALE == 1000


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0"), (1, "0.001"), (12, "0.012"), (500, "0.5"), (3000, "3")]
)
def test_an_amount_is_read_as_people_write_it(amount: int, text: str) -> None:
    assert credits_text(amount) == text
    assert parse_credits(text) == amount
    assert json.dumps(credits_number(amount)) == text


def test_whole_credits_stay_whole_numbers() -> None:
    assert (credits_of(3000), credits_number(3000)) == (3, 3)
    assert type(credits_of(3000)) is type(credits_number(3000)) is int


@given(amounts)
def test_no_form_loses_a_thousandth(amount: int) -> None:
    assert amount_of(credits_of(amount)) == amount
    assert parse_credits(credits_text(amount)) == amount
    assert amount_of(Decimal(json.dumps(credits_number(amount)))) == amount
    assert Decimal(json.dumps(credits_number(amount))) == Decimal(credits_text(amount))


@given(amounts)
def test_a_negative_amount_is_as_exact(amount: int) -> None:
    assert amount_of(credits_of(-amount)) == -amount


@pytest.mark.parametrize("given_credits", [1.5, True, "3", None, [3]])
def test_any_other_type_is_no_amount(given_credits: Any) -> None:
    with pytest.raises(TypeError):
        amount_of(given_credits)


@pytest.mark.parametrize("text", ["0.0001", "0.0125", "1." + "0" * 36 + "1"])
def test_more_than_three_decimals_are_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="three decimals"):
        amount_of(Decimal(text))
    with pytest.raises(ValueError, match="three decimals"):
        parse_credits(text)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        amount_of(Decimal(text))


@pytest.mark.parametrize(("amount", "text"), [(-1, "-0.001"), (-1500, "-1.5"), (-3000, "-3")])
def test_a_negative_amount_is_shown_as_one(amount: int, text: str) -> None:
    """No rule makes one, but the table can hold one that the audit has to name."""
    assert (credits_text(amount), str(credits_of(amount))) == (text, text)
    assert json.dumps(credits_number(amount)) == text


def test_an_amount_of_38_digits_keeps_each() -> None:
    """DynamoDB can hold one, arithmetic of decimals would round it."""
    text = "9" * 35 + ".999"
    assert amount_of(Decimal(text)) == 10**38 - 1
    assert str(credits_of(10**38 - 1)) == credits_text(10**38 - 1) == text


@pytest.mark.parametrize("text", ["", "-1", "+1", "1e3", ".5", "5.", "NaN", "1 000", "٣", "9" * 16])
def test_what_is_not_written_as_credits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number of credits"):
        parse_credits(text)
