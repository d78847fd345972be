"""Settling payments by what Stripe says of them now."""

import pytest

from service.billing import keys
from service.billing.payments import Payments
from service.billing.purchases import PurchaseDamaged
from service.ledger.entities import EntryKind, GrantConflict, UserNotFound
from service.storage.writes import Update, When
from tests.billing.payment_world import GRANTED, PAID, PaymentWorld

FREE = 3_000


@pytest.fixture
def world() -> PaymentWorld:
    return PaymentWorld()


@pytest.mark.protocol("payment-granted-once")
def test_a_payment_is_granted_once_however_often_it_is_settled(world: PaymentWorld) -> None:
    payment_id = world.pay()
    versions = [world.settle(payment_id).version for _ in range(3)]
    assert versions == [1, 2, 3]
    assert len(world.entries(EntryKind.GRANT)) == 1
    assert world.wallet().credits == FREE + GRANTED
    world.assert_proved()


def test_a_payment_that_has_not_succeeded_brings_nothing(world: PaymentWorld) -> None:
    world.account.controls.fail_next("processing")
    payment_id = world.pay()
    assert world.payments.settle(payment_id) is None
    world.account.controls.settle(payment_id)
    assert world.settle(payment_id).granted == GRANTED


def test_a_payment_that_no_one_knows_brings_nothing(world: PaymentWorld) -> None:
    payment_id = world.pay(user="ann", currency="usd")
    process = world.process()
    process.parts.get(Payments)._resolvers.clear()
    assert process.parts.get(Payments).settle(payment_id) is None
    assert world.wallet().version == 1


@pytest.mark.protocol("money-back-target")
def test_half_refunded_is_half_clawed_back_bonus_included(world: PaymentWorld) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    world.refund(payment_id, PAID // 2)
    purchase = world.settle(payment_id)
    assert (purchase.clawed_back, purchase.refunded_cents) == (GRANTED // 2, PAID // 2)
    assert world.wallet().credits == FREE + GRANTED // 2
    world.assert_proved()


@pytest.mark.protocol("one-settlement")
def test_a_payment_refunded_before_it_is_settled_is_granted_and_clawed_back_at_once(
    world: PaymentWorld,
) -> None:
    payment_id = world.pay()
    world.refund(payment_id)
    purchase = world.settle(payment_id)
    assert (purchase.version, purchase.clawed_back) == (1, GRANTED)
    kinds = [entry.kind for entry in world.entries()]
    assert kinds == [EntryKind.INITIAL, EntryKind.GRANT, EntryKind.CLAWBACK]
    assert (world.wallet().credits, world.wallet().debt) == (FREE, 0)
    world.assert_proved()


@pytest.mark.protocol("money-back-target")
def test_a_refund_that_fails_returns_the_credits(world: PaymentWorld) -> None:
    payment_id = world.pay()
    before = world.settle(payment_id)
    lots = world.wallet().lots
    refund = world.refund(payment_id, 300)
    assert world.settle(payment_id).clawed_back == 33_000
    world.account.controls.refund(refund=refund, outcome="failed")
    after = world.settle(payment_id)
    assert (after.clawed_back, after.refunded_cents) == (before.clawed_back, 0)
    assert world.wallet().lots == lots
    world.assert_proved()


@pytest.mark.protocol("money-back-target")
def test_a_dispute_counts_from_its_withdrawal_until_the_money_is_reinstated(
    world: PaymentWorld,
) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    dispute = world.dispute(payment_id, inquiry=True)
    assert world.settle(payment_id).clawed_back == 0
    world.step(dispute, "escalate")
    assert world.settle(payment_id).clawed_back == GRANTED
    world.step(dispute, "reinstate")
    assert world.settle(payment_id).clawed_back == 0
    assert world.wallet().credits == FREE + GRANTED
    world.assert_proved()


@pytest.mark.parametrize(("action", "left"), [("won", 0), ("lost", GRANTED)])
def test_the_end_of_a_dispute_decides(world: PaymentWorld, action: str, left: int) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    dispute = world.dispute(payment_id)
    world.step(dispute, action)
    assert world.settle(payment_id).clawed_back == left
    world.assert_proved()


@pytest.mark.protocol("money-back-target")
def test_a_refund_after_a_dispute_takes_no_more_than_was_granted(world: PaymentWorld) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    world.refund(payment_id, 600)
    dispute = world.dispute(payment_id, amount=700)
    assert world.settle(payment_id).clawed_back == GRANTED
    world.step(dispute, "won")
    assert world.settle(payment_id).clawed_back == 66_000
    world.assert_proved()


@pytest.mark.protocol("fraud-warning")
def test_a_fraud_warning_counts_as_the_whole_payment_for_120_days(world: PaymentWorld) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    world.warn(payment_id)
    assert world.settle(payment_id).warned
    assert world.wallet().credits == FREE
    world.clock.advance(119 * 86_400)
    world.harness.work()
    assert world.payments.read(payment_id).clawed_back == GRANTED  # type: ignore[union-attr]
    world.clock.advance(86_401)
    world.harness.work()
    purchase = world.payments.read(payment_id)
    assert purchase is not None
    assert (purchase.clawed_back, purchase.warned, purchase.recheck_at) == (0, False, None)
    world.assert_proved()


@pytest.mark.protocol("claw-back-debt")
def test_what_was_spent_is_debt_and_the_next_purchase_pays_it(world: PaymentWorld) -> None:
    payment_id = world.pay(granted="3000")
    world.settle(payment_id)
    for number in range(4):
        world.harness.submit("ann", key=f"job-{number}")
    world.refund(payment_id)
    world.settle(payment_id)
    assert (world.wallet().credits, world.wallet().debt) == (0, 1_000)
    other = world.pay(granted="3000")
    world.settle(other)
    assert (world.wallet().credits, world.wallet().debt) == (2_000, 0)
    world.assert_proved()


@pytest.mark.protocol("payment-conflict")
def test_a_grant_of_another_payment_under_the_same_name_alarms_and_nothing_moves(
    world: PaymentWorld,
) -> None:
    world.settle(world.pay(grant="sub_1"))
    version = world.wallet().version
    for metadata in ({}, {"granted": "5"}):
        with pytest.raises(GrantConflict):
            world.payments.settle(world.pay(grant="sub_1", **metadata))
    assert world.wallet().version == version
    world.assert_proved()


def test_a_payment_of_an_unknown_user_alarms_and_nothing_is_written(world: PaymentWorld) -> None:
    payment_id = world.pay(user="no-one")
    with pytest.raises(UserNotFound):
        world.payments.settle(payment_id)
    assert world.payments.read(payment_id) is None


def test_a_payment_in_another_currency_than_the_order_is_not_granted(world: PaymentWorld) -> None:
    payment_id = world.pay(currency="eur")
    assert world.payments.settle(payment_id) is None
    assert world.wallet().version == 1


@pytest.mark.protocol("purchase-sealed")
def test_an_edited_purchase_is_not_settled_and_the_audit_names_it(world: PaymentWorld) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    key = keys.purchase(payment_id)
    edit = Update(key, When(equals={"PK": key.pk}), set={"paidCents": 100_000})
    world.harness.table.write(edit)
    world.refund(payment_id)
    version = world.wallet().version
    with pytest.raises(PurchaseDamaged):
        world.payments.settle(payment_id)
    assert world.wallet().version == version
    assert "MAC" in str(world.audit().violations)


def test_credits_that_are_granted_late_have_the_life_that_was_paid_for(world: PaymentWorld) -> None:
    paid_at = world.clock.now()
    payment_id = world.pay()
    world.lots_expire_at = paid_at + 3_600_000
    world.clock.advance(7 * 86_400)
    purchase = world.settle(payment_id)
    assert purchase.lot_expires_at is not None
    assert 3_599_000 <= purchase.lot_expires_at - world.clock.now() <= 3_601_000
    world.assert_proved()


def test_a_users_purchases_are_listed_newest_first(world: PaymentWorld) -> None:
    first = world.pay()
    world.settle(first)
    world.clock.advance(5)
    second = world.pay()
    world.settle(second)
    assert [each.payment_id for each in world.payments.of_user("ann")] == [second, first]
    assert world.payments.of_user("bob") == []


def test_every_page_of_a_payments_refunds_counts(world: PaymentWorld) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    for _ in range(203):
        world.refund(payment_id, 1)
    assert world.settle(payment_id).refunded_cents == 203
