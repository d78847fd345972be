"""No one is sold a second subscription, nor a second trial."""

import contextlib
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.billing.checkouts import Checkout
from service.billing.entities import StripeUnavailable
from service.billing.order_entities import AlreadySubscribed, OrderStatus
from service.billing.orders import Orders
from service.billing.payments import Payments
from service.billing.stripe_client import Stripe
from service.core.amounts import SCALE
from tests.billing.subscribers import CREDITS, DAY, Subscribing

TRIAL: dict[str, Any] = {"trial_days": 7, "trial_credits": 5 * SCALE}
DECLINED = "4000000000000341"


def subscribed(state: str) -> Subscribing:
    """No event of it has been delivered."""
    site = Subscribing(**TRIAL if state == "trialing" else {})
    subscription = site.subscribe(card=DECLINED if state == "past_due" else "4242424242424242")
    if state == "past_due":
        site.pass_days(32)
    assert site.at_stripe(subscription)["status"] == state
    return site


@pytest.mark.parametrize("state", ["active", "trialing", "past_due"])
def test_no_one_is_sold_a_second_subscription(state: str) -> None:
    site = subscribed(state)
    before = site.items()
    with pytest.raises(AlreadySubscribed) as refused:
        site.begin()
    assert refused.value.details == {"status": state}
    assert site.items() == before
    assert site.begin("bob").session.id


def test_whoever_has_canceled_may_subscribe_again() -> None:
    site = Subscribing()
    site.account.client().v1.subscriptions.cancel(site.subscribe())
    assert site.begin().session.id


@pytest.mark.parametrize("is_ours", [True, False])
def test_whoever_has_had_a_trial_without_credits_is_offered_no_other(is_ours: bool) -> None:
    """Whether its checkout was ours or not."""
    site = Subscribing(trial_days=7)
    checkout = site.begin()
    assert checkout.order.terms.trial_days == 7
    api = site.account.client().v1
    session_id = checkout.session.id if is_ours else made_by_hand(site, checkout)
    site.account.controls.pay(session_id)
    api.subscriptions.cancel(site.session(session_id)["subscription"])
    assert site.begin().order.terms.trial_days == 0
    assert site.begin("bob").order.terms.trial_days == 7


def made_by_hand(site: Subscribing, checkout: Checkout) -> str:
    """The id of a checkout session that no order of ours has made."""
    params: Any = {
        "ui_mode": "hosted_page",
        "mode": "subscription",
        "customer": checkout.session.customer_id,
        "line_items": [{"quantity": 1, "price": site.price_id}],
        "subscription_data": {"trial_period_days": 7},
        "success_url": "https://app.example.com",
    }
    return site.account.client().v1.checkout.sessions.create(params).id


def second_of_two(site: Subscribing, **paying: Any) -> tuple[str, Checkout, str]:
    """Two checkouts are open before one is paid; then both are. No event has been delivered."""
    older, newer = site.begin(), site.begin()
    first = site.complete(older)
    site.clock.advance(60)
    second = site.complete(newer, **paying)
    return first, newer, second


def payment_of(site: Subscribing, checkout: Checkout) -> str:
    found: str = site.account.simulator.account.session_intents[checkout.session.id]
    return found


def refunded(site: Subscribing, payment: str) -> int:
    return sum(each.amount_cents for each in site.parts.get(Stripe).refunds_of(payment))


def orders(site: Subscribing) -> Orders:
    return site.parts.get(Orders)


@pytest.mark.parametrize(
    "first_event",
    [
        "payment_intent.succeeded",
        "invoice.paid",
        "checkout.session.completed",
        "customer.subscription.created",
    ],
)
def test_a_second_subscription_is_ended_and_paid_back_whatever_comes_first(
    first_event: str,
) -> None:
    site = Subscribing()
    first, newer, second = second_of_two(site)
    payment = payment_of(site, newer)
    site.deliver_all(first_event)
    site.deliver_all()
    assert site.at_stripe(first)["status"] == "active"
    assert site.at_stripe(second)["status"] == "canceled"
    assert refunded(site, payment) == 900
    assert (site.status(), site.credits(), site.grants()) == ("active", [CREDITS], 1)
    order = orders(site).get("ann", newer.order.order_id).order
    assert order.status is OrderStatus.FAILED
    assert site.audit().violations == ()


def test_a_bank_debit_for_a_second_subscription_is_paid_back_when_it_arrives() -> None:
    site = Subscribing()
    _, newer, second = second_of_two(site, outcome="processing")
    payment = payment_of(site, newer)
    orders(site).get("ann", newer.order.order_id)
    assert (site.at_stripe(second)["status"], refunded(site, payment)) == ("canceled", 0)
    site.account.controls.settle(payment)
    assert site.parts.get(Payments).settle(payment) is None
    assert refunded(site, payment) == 900
    assert site.credits() == []


@pytest.mark.parametrize("fault", ["reset", "lost-answer"])
@pytest.mark.parametrize(
    "operation", ["update_subscription", "cancel_subscription", "create_refund"]
)
def test_ending_a_second_subscription_goes_on_where_it_was_interrupted(
    operation: str, fault: str
) -> None:
    site = Subscribing()
    _, newer, second = second_of_two(site)
    site.account.http.arm(operation, fault, 3)
    with contextlib.suppress(StripeUnavailable):
        orders(site).reconcile(newer.session.id)
    orders(site).reconcile(newer.session.id)
    assert site.at_stripe(second)["status"] == "canceled"
    assert refunded(site, payment_of(site, newer)) == 900


def test_a_refund_that_stripe_refuses_calls_an_operator() -> None:
    site = Subscribing()
    _, newer, second = second_of_two(site)
    site.account.controls.dispute(payment_of(site, newer))
    with capture_logs() as logs:
        orders(site).get("ann", newer.order.order_id)
        orders(site).reconcile(newer.session.id)
        site.deliver_all()
    assert site.at_stripe(second)["status"] == "canceled"
    assert alarms(logs) == ["charge_disputed"]


def test_a_subscription_that_an_operator_has_made_stays() -> None:
    site = Subscribing()
    checkout = site.begin()
    session_id = made_by_hand(site, checkout)
    first = site.complete(checkout)
    site.clock.advance(60)
    site.account.controls.pay(session_id)
    second = site.session(session_id)["subscription"]
    site.deliver_all("customer.subscription.created")
    assert site.at_stripe(first)["status"] == "active"
    assert site.at_stripe(second)["status"] == "trialing"


def test_one_that_was_renewed_before_it_was_found_is_left_to_an_operator() -> None:
    site = Subscribing()
    _, newer, second = second_of_two(site)
    site.pass_days(32)
    with capture_logs() as logs:
        orders(site).get("ann", newer.order.order_id)
    assert site.at_stripe(second)["status"] == "active"
    assert "second_subscription" in [each.get("alarm") for each in logs]


def alarms(logs: Any) -> list[str]:
    return [each["reason"] for each in logs if each.get("alarm") == "second_subscription"]


def unpaid_and_newer(site: Subscribing) -> tuple[str, Checkout, str]:
    """A subscription whose renewal was never paid, and one that was begun two weeks later. No event
    of the newer one has been delivered."""
    site.account.controls.settings(after_retries="unpaid")
    older = site.subscribe(card=DECLINED)
    site.pass_days(31.1)
    site.pass_days(15)
    assert site.at_stripe(older)["status"] == "unpaid"
    newer = site.begin()
    return older, newer, site.complete(newer)


def pay_again(site: Subscribing, subscription: str) -> None:
    params: Any = {"payment_method": "pm_card_visa"}
    site.account.client().v1.invoices.pay(site.latest_invoice(subscription), params)
    assert site.at_stripe(subscription)["status"] == "active"


def test_one_in_use_stays_where_an_older_one_is_paid_weeks_later() -> None:
    site = Subscribing()
    older, newer, second = unpaid_and_newer(site)
    assert orders(site).get("ann", newer.order.order_id).order.status is OrderStatus.PAID
    site.submit("ann", device="device of ann")
    site.clock.advance(7 * DAY)
    pay_again(site, older)
    with capture_logs() as logs:
        site.deliver_all("invoice.paid")
        site.deliver_all("customer.subscription.updated")
    assert site.at_stripe(second)["status"] == "active"
    assert refunded(site, payment_of(site, newer)) == 0
    assert alarms(logs) == ["in use"]


def test_one_that_has_brought_nothing_ends_where_an_older_one_is_paid_again() -> None:
    site = Subscribing()
    older, newer, second = unpaid_and_newer(site)
    pay_again(site, older)
    assert orders(site).get("ann", newer.order.order_id).order.status is OrderStatus.FAILED
    assert site.at_stripe(second)["status"] == "canceled"
    assert refunded(site, payment_of(site, newer)) == 900


def test_what_came_from_the_balance_calls_an_operator_once() -> None:
    site = Subscribing()
    _, newer, second = second_of_two(site)
    invoice = site.account.simulator.account.invoices.get(site.latest_invoice(second))
    invoice |= {"starting_balance": -400, "ending_balance": 0}
    with capture_logs() as logs:
        for _ in range(2):
            orders(site).reconcile(newer.session.id)
    assert alarms(logs) == ["paid from the balance"]
    assert refunded(site, payment_of(site, newer)) == 900


@pytest.mark.parametrize("refused", [[], ["charge_disputed"]])
def test_a_refund_is_made_again_until_three_have_failed(refused: list[str]) -> None:
    """One that is refused at first as well: each state of the refunds calls an operator once."""
    site = Subscribing()
    for reason in refused:
        site.account.http.arm("create_refund", f"status:400:{reason}")
    _, newer, _ = second_of_two(site)
    payment = payment_of(site, newer)
    made = site.parts.get(Stripe).refunds_of
    with capture_logs() as logs:
        for _ in range(6):
            orders(site).reconcile(newer.session.id)
            for each in made(payment):
                if each.status != "failed":
                    site.account.controls.refund(refund=each.id, outcome="failed")
    assert [each.status for each in made(payment)] == ["failed"] * 3
    assert alarms(logs) == [*refused, "refunds failed"]


@pytest.mark.parametrize("ended", [None, OrderStatus.EXPIRED, OrderStatus.FAILED])
def test_the_order_of_a_second_subscription_stays(ended: OrderStatus | None) -> None:
    """It was paid, and refunded, whatever it had ended as before."""
    site = Subscribing()
    _, newer, _ = second_of_two(site)
    if ended is not None:
        records = orders(site)._records
        records.end(records.read("ann", newer.order.order_id), ended)
    orders(site).reconcile(newer.session.id)
    (item,) = [each for each in site.items() if each["SK"]["S"] == f"ORDER#{newer.order.order_id}"]
    assert item["status"]["S"] == "failed"
    assert "expiresAt" not in item
