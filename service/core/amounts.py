"""Amounts of credits: whole thousandths in code, decimal credits everywhere else. Pure.

Whoever reads or writes a table item, a request, a response, a setting or a file converts here;
arithmetic knows whole thousandths alone. `SCALE` is for ever: items are read by it."""

import re
from decimal import Decimal
from fractions import Fraction

SCALE = 1000
_PLACES = 3

Amount = int
"""Thousandths of a credit: `1500` is one credit and a half."""

MICROS = 1_000_000
Micros = int
"""Millionths of a credit or of a currency's unit: what rates and costs are counted in."""

Credits = int | Decimal
"""Credits with at most three decimals, an `int` where they are whole: `3`, `Decimal("0.012")`."""

_TEXT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,3})?")
_MICROS_TEXT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def amount_of(given: Credits) -> Amount:
    """Exact for every number that DynamoDB can keep. Raises `ValueError` for what is no whole
    number of thousandths, `TypeError` for any other type, floats and booleans above all."""
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise TypeError(f"{type(given).__name__} is no amount of credits")
    if isinstance(given, int):
        return given * SCALE
    if not given.is_finite():
        raise ValueError("an amount of credits is a finite number")
    # `Decimal` itself would round a product of more than 28 digits.
    thousandths = Fraction(given) * SCALE
    if thousandths.denominator != 1:
        raise ValueError("an amount of credits has at most three decimals")
    return thousandths.numerator


def credits_of(amount: Amount) -> Credits:
    """The inverse of `amount_of`."""
    return Decimal(credits_text(amount)) if amount % SCALE else amount // SCALE


def parse_credits(text: str) -> Amount:
    """Credits as people write them: `3`, `0.5`, `0.012`. Raises `ValueError`."""
    if not _TEXT.fullmatch(text):
        raise ValueError("must be a number of credits with at most three decimals")
    return amount_of(Decimal(text))


def credits_text(amount: Amount) -> str:
    """Credits as people read them: `3`, `0.5`, `0.012`."""
    whole, rest = divmod(abs(amount), SCALE)
    decimals = f".{rest:0{_PLACES}}".rstrip("0") if rest else ""
    return f"{'-' if amount < 0 else ''}{whole}{decimals}"


def credits_number(amount: Amount) -> int | float:
    """Credits for JSON, which writes exactly the decimals of `credits_text`: the shortest text of a
    double is the one with three decimals up to 2**43 credits, and no wallet holds as many."""
    whole, rest = divmod(amount, SCALE)
    return amount / SCALE if rest else whole


def parse_micros(text: str) -> Micros:
    """A number with at most six decimals in millionths: `0.000125` is 125. Raises `ValueError`."""
    if not _MICROS_TEXT.fullmatch(text):
        raise ValueError("must be a number with at most six decimals")
    return int(Decimal(text) * MICROS)


def micros_text(micros: Micros) -> str:
    """The inverse of `parse_micros`, for what is not negative."""
    whole, rest = divmod(micros, MICROS)
    return f"{whole}.{rest:06}".rstrip("0") if rest else str(whole)


def micros_number(micros: Micros) -> int | float:
    """For JSON, which writes exactly the decimals of `micros_text` up to 2**33 units."""
    whole, rest = divmod(micros, MICROS)
    return micros / MICROS if rest else whole


def amount_covering(micros: Fraction) -> Amount:
    """The fewest thousandths that are worth at least so many millionths of a credit."""
    return -(-micros * SCALE // MICROS)
