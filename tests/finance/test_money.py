"""The sums of a month's money, by currency, with Stripe's signs."""

import pytest

from service.finance.entities import Money
from service.finance.money import margins_of, money_of, other_of
from tests.finance.test_matching import charge


def test_each_category_is_summed_with_its_sign_and_every_fee_counts() -> None:
    moved = [
        charge(category="charge", amount_cents=1_000, fee_cents=30),
        charge(category="charge_failure", amount_cents=-200, fee_cents=0),
        charge(category="refund", amount_cents=-300, fee_cents=-5),
        charge(category="refund_failure", amount_cents=40, fee_cents=0),
        charge(category="dispute", amount_cents=-250, fee_cents=15),
        charge(category="dispute_reversal", amount_cents=100, fee_cents=-15),
        charge(category="fee", amount_cents=-7, fee_cents=0),
    ]
    assert money_of(moved) == {
        "eur": Money(
            charged=800, refunded=300, refunds_failed=40, disputed=250, reinstated=100, fees=32
        )
    }
    net = money_of(moved)["eur"].net
    assert net == 800 - 300 + 40 - 250 + 100 - 32
    assert net == sum(each.amount_cents - each.fee_cents for each in moved)


def test_currencies_are_never_added() -> None:
    moved = [charge(currency="usd", fee_cents=0), charge(currency="eur", fee_cents=0)]
    assert {each: sums.charged for each, sums in money_of(moved).items()} == {
        "eur": 900,
        "usd": 900,
    }


def test_what_only_moves_the_balance_is_listed_by_its_net() -> None:
    payout = charge(category="payout", amount_cents=-500, fee_cents=10, net_cents=-510)
    assert money_of([payout]) == {}
    assert other_of([payout, payout, charge()]) == {"eur": {"payout": -1_020}}


@pytest.mark.parametrize(("currency", "micros"), [("usd", 990_000), ("jpy", 99_000_000)])
def test_a_margin_is_the_net_money_less_the_costs(currency: str, micros: int) -> None:
    money = {currency: Money(charged=100, fees=1)}
    assert margins_of(money, {currency.upper(): 90_000}) == {currency: micros - 90_000}
