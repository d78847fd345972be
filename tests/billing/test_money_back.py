"""How many credits follow the money that went back."""

from typing import Any

import pytest

from service.billing.money_back import WARNING_LIFE, loss_of, target_of
from service.billing.purchases import PaymentFacts, Purchase
from service.billing.stripe_objects import Dispute, DisputeMovement, FraudWarning, Refund
from service.core.days import DAY
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind

NOW = 1_790_000_000_000


def purchase(**changes: Any) -> Purchase:
    facts: dict[str, Any] = {
        "payment_id": "pi_1",
        "user_id": "ann",
        "source": GrantSource.PURCHASE,
        "grant_id": "pi_1",
        "reference": "ord_1",
        "granted": 1_000,
        "kind": LotKind.PAID,
        "lot_expires_at": None,
        "paid_cents": 300,
        "currency": "usd",
    }
    return Purchase(**(facts | changes))


def refund(cents: int, status: str = "succeeded", currency: str = "usd") -> Refund:
    return Refund(
        id="re_1",
        status=status,
        amount_cents=cents,
        currency=currency,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        metadata={},
        created_at=NOW,
    )


def dispute(
    cents: int, *movements: int, status: str = "needs_response", currency: str = "usd"
) -> Dispute:
    return Dispute(
        id="du_1",
        status=status,
        reason="fraudulent",
        amount_cents=cents,
        currency=currency,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        movements=tuple(
            DisputeMovement(id=f"txn_{place}", amount_cents=each, currency="eur", kind="adjustment")
            for place, each in enumerate(movements)
        ),
        created_at=NOW,
        livemode=False,
    )


def warning(created_at: int = NOW) -> FraudWarning:
    return FraudWarning(
        id="issfr_1",
        kind="made_with_stolen_card",
        actionable=True,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        created_at=created_at,
        livemode=False,
    )


def target(now: int = NOW, of: Purchase | None = None, **facts: Any) -> int:
    bought = of or purchase()
    return target_of(bought, loss_of(PaymentFacts(payment_id="pi_1", **facts), bought, now))


@pytest.mark.protocol("money-back-target")
@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({}, 0),
        ({"refunds": (refund(100),)}, 333),
        ({"refunds": (refund(1), refund(99))}, 333),
        ({"refunds": (refund(300),)}, 1_000),
        ({"refunds": (refund(299),)}, 996),
        ({"refunds": (refund(100, "pending"),)}, 333),
        ({"refunds": (refund(100, "requires_action"),)}, 333),
        ({"refunds": (refund(100, "failed"), refund(50, "canceled"))}, 0),
        ({"refunds": (refund(1, currency="eur"),)}, 1_000),
        ({"disputes": (dispute(150),)}, 0),
        ({"disputes": (dispute(150, -150),)}, 500),
        ({"disputes": (dispute(150, -150, 150),)}, 0),
        ({"disputes": (dispute(150, -150, 150, -150),)}, 500),
        ({"disputes": (dispute(150, -150, 75),)}, 250),
        ({"disputes": (dispute(150, -140, 139, status="won"),)}, 0),
        ({"disputes": (dispute(150, -150, status="lost"),)}, 500),
        ({"disputes": (dispute(1, -1, currency="eur"),)}, 1_000),
        ({"disputes": (dispute(1, -1, 1, currency="eur"),)}, 0),
        ({"refunds": (refund(200),), "disputes": (dispute(200, -200),)}, 1_000),
        ({"refunds": (refund(100),), "disputes": (dispute(100, -100),)}, 666),
    ],
)
def test_the_target_is_the_part_that_is_lost_rounded_down(
    facts: dict[str, Any], wanted: int
) -> None:
    assert target(**facts) == wanted


@pytest.mark.protocol("money-back-target")
def test_of_what_cost_nothing_nothing_is_lost() -> None:
    free = purchase(paid_cents=0)
    assert target(of=free, refunds=(refund(5),), warnings=(warning(),)) == 0


@pytest.mark.protocol("fraud-warning")
@pytest.mark.parametrize(
    ("age", "disputes", "wanted"),
    [
        (0, (), 1_000),
        (WARNING_LIFE - 1, (), 1_000),
        (WARNING_LIFE, (), 0),
        (WARNING_LIFE, (dispute(150, -150),), 1_000),
        (WARNING_LIFE, (dispute(150, -150, status="lost"),), 500),
        (WARNING_LIFE, (dispute(150, -150, 150, status="won"),), 0),
    ],
)
def test_a_warning_is_the_whole_for_120_days_and_while_a_dispute_is_under_way(
    age: int, disputes: tuple[Dispute, ...], wanted: int
) -> None:
    assert target(NOW + age, warnings=(warning(),), disputes=disputes) == wanted


@pytest.mark.protocol("fraud-warning")
def test_a_warning_that_an_operator_has_cleared_does_not_count() -> None:
    cleared = purchase(cleared=("issfr_1",))
    assert target(of=cleared, warnings=(warning(),)) == 0
    assert target(of=purchase(cleared=("issfr_2",)), warnings=(warning(),)) == 1_000


def test_the_time_to_settle_again_is_when_a_warning_may_end() -> None:
    facts = PaymentFacts(payment_id="pi_1", warnings=(warning(), warning(NOW - DAY)))
    assert loss_of(facts, purchase(), NOW).recheck_at == NOW + WARNING_LIFE
    disputed = PaymentFacts(payment_id="pi_1", warnings=(warning(),), disputes=(dispute(1, -1),))
    late = NOW + WARNING_LIFE + 5
    assert loss_of(disputed, purchase(), late).recheck_at == late + DAY
    assert loss_of(PaymentFacts(payment_id="pi_1"), purchase(), NOW).recheck_at is None
