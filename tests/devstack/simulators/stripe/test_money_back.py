"""Refunds, disputes and warnings, and what the books say of them."""

from typing import Any

import pytest
import stripe

from tests.devstack.simulators.stripe.test_checkout import opened
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount

FEE = 59


def paid(account: StripeAccount, client: stripe.StripeClient, **how: Any) -> str:
    session = opened(client)
    account.controls.pay(session.id, **how)
    return str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)


def charge(client: stripe.StripeClient, payment: str) -> Any:
    params: Any = {"expand": ["latest_charge.refunds"]}
    return client.v1.payment_intents.retrieve(payment, params).latest_charge


def books(account: StripeAccount) -> dict[str, Any]:
    [payment] = account.controls.books()["payments"]
    return {name: payment[name] for name in ("refunded", "disputed", "fee", "net")}


def test_refunds_add_up_and_never_exceed_the_payment(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    payment = paid(account, client)
    client.v1.refunds.create({"payment_intent": payment, "amount": 300})
    assert (charge(client, payment).amount_refunded, charge(client, payment).refunded) == (
        300,
        False,
    )
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": payment, "amount": 700})
    client.v1.refunds.create({"payment_intent": payment})
    whole = charge(client, payment)
    assert (whole.amount_refunded, whole.refunded) == (999, True)
    assert [each.amount for each in whole.refunds.data] == [699, 300]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": payment})
    assert refused.value.code == "charge_already_refunded"
    assert books(account) == {"refunded": 999, "disputed": 0, "fee": FEE, "net": -FEE}


def test_a_refund_that_fails_returns_the_money(
    account: StripeAccount, client: stripe.StripeClient, clock: FakeClock
) -> None:
    payment = paid(account, client, card="4000000000005126")
    refund = client.v1.refunds.create({"payment_intent": payment, "amount": 400})
    assert (refund.status, charge(client, payment).amount_refunded) == ("succeeded", 400)
    clock.advance(6)
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert charge(client, payment).amount_refunded == 0
    assert account.types()[-3:] == ["refund.failed", "refund.updated", "charge.refund.updated"]
    assert books(account)["net"] == 999 - FEE


def test_a_pending_refund_succeeds_later_or_is_canceled(
    account: StripeAccount, client: stripe.StripeClient, clock: FakeClock
) -> None:
    payment = paid(account, client, card="4000000000007726")
    first = client.v1.refunds.create({"payment_intent": payment, "amount": 100})
    second = client.v1.refunds.create({"payment_intent": payment, "amount": 100})
    assert (first.status, second.status) == ("pending", "pending")
    assert client.v1.refunds.cancel(second.id).status == "canceled"
    clock.advance(6)
    statuses = [client.v1.refunds.retrieve(each.id).status for each in (first, second)]
    assert (statuses, charge(client, payment).amount_refunded) == (["succeeded", "canceled"], 100)


@pytest.mark.parametrize(
    ("action", "status", "net"),
    [("won", "won", 999 - FEE - 1500), ("lost", "lost", -FEE - 1500)],
)
def test_a_dispute_takes_the_money_until_it_is_won(
    account: StripeAccount, client: stripe.StripeClient, action: str, status: str, net: int
) -> None:
    payment = paid(account, client)
    dispute = account.controls.dispute(payment)
    assert books(account)["net"] == -FEE - 1500
    assert charge(client, payment).disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": payment})
    assert refused.value.code == "charge_disputed"
    account.controls.dispute(dispute=dispute["id"], action=action)
    [found] = client.v1.disputes.list({"payment_intent": payment}).data
    assert (found.status, books(account)["net"]) == (status, net)
    money = [each.amount for each in found.balance_transactions]
    assert money == ([-999, 999] if action == "won" else [-999])
    assert account.types()[-1] == "charge.dispute.closed"
    with pytest.raises(Exception, match="cannot become"):
        account.controls.dispute(dispute=dispute["id"], action="won")


def test_an_inquiry_moves_no_money_unless_it_escalates(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    payment = paid(account, client)
    inquiry = account.controls.dispute(payment, inquiry=True)
    assert (inquiry["status"], books(account)["disputed"]) == ("warning_needs_response", 0)
    account.controls.dispute(dispute=inquiry["id"], action="escalate")
    assert books(account)["disputed"] == 999
    assert account.types()[-1] == "charge.dispute.funds_withdrawn"


def test_an_inquiry_closes_without_a_decision(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    payment = paid(account, client)
    inquiry = account.controls.dispute(payment, inquiry=True)
    account.controls.dispute(dispute=inquiry["id"], action="warning_closed")
    assert client.v1.refunds.create({"payment_intent": payment}).status == "succeeded"


def test_a_dispute_may_be_in_another_currency(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    payment = paid(account, client)
    dispute = account.controls.dispute(payment, amount=1080, currency="eur")
    assert (dispute["currency"], dispute["amount"]) == ("eur", 1080)
    assert account.controls.books()["totals"]["eur"]["dispute"] == -1080


def test_money_can_be_reinstated_before_a_dispute_is_closed(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    payment = paid(account, client)
    dispute = account.controls.dispute(payment)
    account.controls.dispute(dispute=dispute["id"], action="reinstate")
    [found] = client.v1.disputes.list().data
    assert (found.status, books(account)["disputed"]) == ("needs_response", 0)
    account.controls.dispute(dispute=dispute["id"], action="won")
    assert account.types().count("charge.dispute.funds_reinstated") == 1


def test_a_warning_is_no_longer_actionable_once_the_payment_is_refunded(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    payment = paid(account, client)
    warning = account.controls.warn(payment)
    assert warning["actionable"]
    query: Any = {"payment_intent": payment}
    client.v1.refunds.create({"payment_intent": payment})
    [found] = client.v1.radar.early_fraud_warnings.list(query).data
    assert (found.id, found.actionable) == (warning["id"], False)
    assert account.types()[-1] == "radar.early_fraud_warning.updated"


@pytest.mark.parametrize(
    ("card", "event"),
    [
        ("4000000000000259", "charge.dispute.funds_withdrawn"),
        ("4000000000001976", "charge.dispute.created"),
        ("4000000000005423", "radar.early_fraud_warning.created"),
    ],
)
def test_some_cards_cause_trouble_seconds_after_the_payment(
    account: StripeAccount, client: stripe.StripeClient, clock: FakeClock, card: str, event: str
) -> None:
    paid(account, client, card=card)
    clock.advance(3)
    assert account.types()[-1] == event


def test_the_books_add_up_over_many_random_payments(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    for number in range(60):
        payment = paid(account, client)
        if number % 3 == 0:
            account.controls.refund(payment, 100 + number)
        if number % 7 == 0:
            account.controls.dispute(payment, amount=200)
    found = account.controls.books()
    assert len(found["payments"]) == 60
    total = found["totals"]["usd"]
    assert total["net"] == sum(each["net"] for each in found["payments"])
    assert total["net"] == total["charge"] + total["refund"] + total["dispute"] - total["fees"]
    assert -total["refund"] == sum(each["amount"] for each in found["refunds"])
