"""Whether a payment at Stripe and its purchase here say the same."""

from dataclasses import replace
from typing import Any

import pytest

from service.billing.purchases import PaymentFacts, Purchase
from service.billing.stripe_objects import BalanceTransaction, PaymentIntent, Refund
from service.finance.entities import Mismatch
from service.finance.matching import (
    charge_differences,
    is_returned,
    money_back_differences,
    not_at_stripe,
    not_granted,
)
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind

PURCHASE = Purchase(
    payment_id="pi_1",
    user_id="ann",
    source=GrantSource.PURCHASE,
    grant_id="ord_1",
    reference="ord_1",
    granted=110_000,
    kind=LotKind.PAID,
    lot_expires_at=None,
    paid_cents=1_000,
    currency="usd",
)


def charge(**changes: Any) -> BalanceTransaction:
    usual = BalanceTransaction(
        id="txn_1",
        kind="charge",
        category="charge",
        amount_cents=900,
        fee_cents=30,
        net_cents=870,
        currency="eur",
        source_id="ch_1",
        source_kind="charge",
        source_cents=1_000,
        source_currency="usd",
        payment_intent_id="pi_1",
        charge_id="ch_1",
        customer_id="cus_1",
        metadata={},
        livemode=None,
        created_at=0,
    )
    return replace(usual, **changes)


def facts(*refunds: tuple[int, str], received: int = 1_000) -> PaymentFacts:
    intent = PaymentIntent(
        id="pi_1",
        status="succeeded",
        amount_cents=received,
        received_cents=received,
        currency="usd",
        customer_id="cus_1",
        payment_method_id="",
        latest_charge_id="ch_1",
        metadata={},
        error_code="",
        action_url="",
        created_at=0,
        livemode=False,
    )
    made = tuple(
        Refund(
            id=f"re_{number}",
            status=status,
            amount_cents=cents,
            currency="usd",
            charge_id="ch_1",
            payment_intent_id="pi_1",
            metadata={},
            created_at=0,
        )
        for number, (cents, status) in enumerate(refunds)
    )
    return PaymentFacts(payment_id="pi_1", intent=intent, refunds=made)


def back(purchase: Purchase, *refunds: tuple[int, str]) -> list[tuple[Mismatch, str, str]]:
    found = money_back_differences(facts(*refunds), purchase)
    return [(each.mismatch, each.at_stripe, each.here) for each in found]


def test_a_charge_is_compared_in_the_currency_of_the_payment() -> None:
    assert list(charge_differences(charge(), PURCHASE)) == []
    (cents,) = charge_differences(charge(source_cents=999), PURCHASE)
    assert (cents.mismatch, cents.at_stripe, cents.here) == (Mismatch.AMOUNT, "999", "1000")
    (currency,) = charge_differences(charge(source_currency="eur"), PURCHASE)
    assert (currency.mismatch, currency.at_stripe) == (Mismatch.CURRENCY, "eur")


def test_money_back_must_be_what_the_purchase_follows() -> None:
    followed = replace(PURCHASE, refunded_cents=500, clawed_back=55_000)
    assert back(followed, (500, "succeeded")) == []
    assert back(PURCHASE, (500, "pending")) == [(Mismatch.REFUND, "500", "0")]
    assert back(PURCHASE, (500, "failed"), (500, "canceled")) == []


def test_clawed_back_credits_must_follow_from_the_cents_rounded_down() -> None:
    thirds = replace(PURCHASE, granted=100, paid_cents=300, refunded_cents=100)
    assert back(replace(thirds, clawed_back=33), (100, "succeeded")) == []
    assert [each[0] for each in back(replace(thirds, clawed_back=34), (100, "succeeded"))] == [
        Mismatch.CREDITS
    ]


def test_what_is_disputed_must_be_followed() -> None:
    assert back(replace(PURCHASE, disputed_cents=1, clawed_back=110)) == [
        (Mismatch.DISPUTE, "0", "1")
    ]


@pytest.mark.parametrize(
    ("refunds", "is_whole"),
    [
        ([(1_000, "succeeded")], True),
        ([(400, "pending"), (600, "succeeded")], True),
        ([(999, "succeeded")], False),
        ([(1_000, "failed")], False),
        ([(1_000, "canceled")], False),
        ([], False),
    ],
)
def test_a_payment_is_returned_once_nothing_of_it_is_left(
    refunds: list[tuple[int, str]], is_whole: bool
) -> None:
    assert is_returned(facts(*refunds)) is is_whole


def test_a_difference_names_payment_user_and_both_sides() -> None:
    granted = not_granted("pi_2", 500, "eur", "bob")
    assert (granted.payment_id, granted.user_id) == ("pi_2", "bob")
    assert (granted.at_stripe, granted.here) == ("500 eur", "")
    lost = not_at_stripe(PURCHASE)
    assert (lost.mismatch, lost.at_stripe, lost.here) == (Mismatch.NOT_AT_STRIPE, "", "1000 usd")
