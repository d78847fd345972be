"""The data file of packages: what is sold, and what no file may hold."""

import json
from typing import Any

import pytest

from service.billing.store import packages_from, read_packages

GOOD: dict[str, Any] = {
    "id": "credits-100",
    "name": "100 credits",
    "credits": 100,
    "bonusCredits": 0.5,
    "amountCents": 990,
    "currency": "usd",
    "expiresAfterDays": 30,
}


def file(*packages: dict[str, Any]) -> str:
    return json.dumps({"packages": packages})


def test_the_file_that_is_shipped_can_be_sold() -> None:
    packages = read_packages()
    assert len(packages) >= 3
    assert all(not package.faults() for package in packages)


def test_a_package_is_read_in_exact_amounts() -> None:
    (package,) = packages_from(file(GOOD))
    assert (package.credits, package.bonus, package.total) == (100_000, 500, 100_500)
    assert (package.amount_cents, package.currency, package.life_days) == (990, "usd", 30)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "Credits 100"}, "the id is not"),
        ({"name": ""}, "the name is not"),
        ({"name": "a\nb"}, "the name is not"),
        ({"credits": 0}, "the credits are not more than 0"),
        ({"credits": -1}, "the credits are not more than 0"),
        ({"credits": 0.0001}, "three decimals"),
        ({"credits": "100"}, "no amount of credits"),
        ({"credits": True}, "no amount of credits"),
        ({"credits": 1_000_001}, "more than a grant may"),
        ({"bonusCredits": -1}, "the bonus is negative"),
        ({"amountCents": 49}, "the amount is not 50"),
        ({"amountCents": 100_000_000}, "the amount is not 50"),
        ({"amountCents": 9.9}, "is no whole number"),
        ({"currency": "USD"}, "the currency is not"),
        ({"currency": "dollars"}, "the currency is not"),
        ({"expiresAfterDays": 0}, "do not live for 1 to"),
        ({"expiresAfterDays": 100_000}, "do not live for 1 to"),
        ({"discount": 1}, "has no discount"),
    ],
)
def test_a_package_that_cannot_be_sold_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        packages_from(file({**GOOD, **change}))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_nothing_of_a_package_may_be_left_out(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        packages_from(file({key: value for key, value in GOOD.items() if key != name}))


@pytest.mark.parametrize(
    ("second", "fault"),
    [({}, "the same id"), ({"id": "other", "currency": "eur"}, "more than one currency")],
)
def test_packages_differ_in_name_and_share_a_currency(second: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        packages_from(file(GOOD, {**GOOD, **second}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"packages": 1}', '{"packages": [1]}'])
def test_a_file_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"packages|Expecting"):
        packages_from(text)
