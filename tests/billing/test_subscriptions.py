"""A subscription's life as Stripe reports it: in any order, doubled, late or not at all, what is
stored afterwards is what Stripe has, and each period's credits are granted once."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.billing.customers import Customers
from service.billing.entities import StripeUnavailable
from service.billing.events import LEASE_MILLISECONDS
from service.billing.orders import Orders
from service.core.amounts import SCALE
from tests.billing.billing_site import BillingSite
from tests.billing.subscribers import CREDITS, Subscribing
from tests.doubles.stripe_account import StripeAccount


@pytest.fixture
def site() -> Subscribing:
    return Subscribing()


def deliver_new(site: Subscribing, delivered: set[str]) -> None:
    """Every event that has not been delivered."""
    for event in site.account.events():
        if event["id"] not in delivered:
            delivered.add(event["id"])
            assert site.deliver(event).status_code == 200


def alarms(logs: Sequence[Mapping[str, Any]]) -> set[str]:
    return {each["alarm"] for each in logs if each["event"] == "payment_needs_attention"}


def assert_sound(site: BillingSite) -> None:
    assert site.audit().violations == ()


def test_without_a_subscription_there_is_none(site: Subscribing) -> None:
    assert (site.status(), site.credits(), site.grants()) == ("none", [], 0)


def test_subscribing_entitles_and_brings_the_plans_credits_of_the_period(
    site: Subscribing,
) -> None:
    subscription = site.subscribe()
    site.deliver_all()
    entitlement = site.entitlement()
    item = site.at_stripe(subscription)["items"]["data"][0]
    assert entitlement.status.value == "active"
    assert entitlement.price_id == site.price_id
    assert entitlement.subscription_id == subscription
    assert entitlement.period_end_at == item["current_period_end"] * 1000
    assert (site.credits(), site.grants()) == ([CREDITS], 1)
    assert site.credits("bob") == []
    assert_sound(site)


def test_a_life_of_renewals_a_failed_payment_its_recovery_and_the_end(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription = site.subscribe()
    deliver_new(site, delivered)
    site.pass_days(32)
    deliver_new(site, delivered)
    assert (site.status(), site.credits(), site.grants()) == ("active", [CREDITS], 2)

    site.account.controls.fail_next("generic_decline")
    site.pass_days(30)
    deliver_new(site, delivered)
    assert (site.status(), site.grants()) == ("past_due", 2)
    assert site.entitlement().permits

    site.pass_days(10)
    deliver_new(site, delivered)
    assert (site.status(), site.credits(), site.grants()) == ("active", [CREDITS], 3)

    site.account.client().v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
    deliver_new(site, delivered)
    assert site.entitlement().cancels_at_period_end
    assert site.status() == "active"
    site.pass_days(32)
    deliver_new(site, delivered)
    assert (site.status(), site.entitlement().permits) == ("canceled", False)
    assert (site.credits(), site.grants()) == ([], 3)
    assert_sound(site)


@pytest.mark.parametrize("seed", range(6))
def test_events_in_any_order_and_doubled_end_in_the_same(seed: int) -> None:
    """The events of a whole life, shuffled and doubled, are delivered at its end."""
    site = Subscribing()
    site.subscribe()
    site.pass_days(32)
    site.account.controls.fail_next("generic_decline")
    site.pass_days(31)
    site.pass_days(8)
    events = site.account.events() * 2
    random.Random(seed).shuffle(events)
    for event in events:
        assert site.deliver(event).status_code == 200
    assert (site.status(), site.grants()) == ("active", 3)
    assert_sound(site)


def test_a_week_without_webhooks_leaves_nothing_ungranted(site: Subscribing) -> None:
    site.subscribe()
    site.subscribe("bob")
    site.pass_days(6.5)
    assert (site.status(), site.grants()) == ("none", 0)
    sweep, due = site.of_sweep("missed_stripe_events"), site.of_sweep("stripe_events")
    while sweep.run_once():
        pass
    due.run_once()
    for user_id in ("ann", "bob"):
        assert (site.status(user_id), site.credits(user_id)) == ("active", [CREDITS])
    assert site.grants() == 2
    assert set(site.events_stored().values()) == {"done"}
    assert_sound(site)


def test_the_return_page_brings_what_no_webhook_has_brought_yet(site: Subscribing) -> None:
    checkout = site.begin()
    site.account.controls.pay(checkout.session.id)
    site.parts.get(Orders).get("ann", checkout.order.order_id)
    assert (site.status(), site.credits()) == ("active", [CREDITS])
    site.deliver_all()
    assert (site.status(), site.credits(), site.grants()) == ("active", [CREDITS], 1)
    assert_sound(site)


def test_ten_deliveries_at_once_and_the_return_page_make_one_grant(
    client: Any, table_name: str
) -> None:
    """On DynamoDB Local, where conditions and races are real."""
    site = Subscribing(client, table_name)
    checkout = site.begin()
    site.account.controls.pay(checkout.session.id)
    events = site.account.events("invoice.paid", "checkout.session.completed")
    assert len(events) == 2
    with ThreadPoolExecutor(11) as pool:
        sent = [pool.submit(site.deliver, event) for event in events * 5]
        returned = pool.submit(site.parts.get(Orders).get, "ann", checkout.order.order_id)
    assert {each.result().status_code for each in sent} == {200}
    assert returned.exception() is None
    for _ in range(10):
        if set(site.events_stored().values()) == {"done"}:
            break
        site.clock.advance(4000)
        site.of_sweep("stripe_events").run_once()
    assert (site.grants(), site.status()) == (1, "active")
    assert site.wallet().granted == CREDITS * SCALE
    assert_sound(site)


class Death(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("applied", [True, False])
def test_a_process_that_is_killed_at_any_effect_loses_no_grant(applied: bool) -> None:
    """At each request to the table, before or after it is done, while the event of a paid invoice
    is dealt with; then Stripe delivers what was not acknowledged, and the worker does the rest."""
    place, killed = 0, True
    while killed:
        site = Subscribing()
        site.subscribe()
        (paid,) = site.account.events("invoice.paid")
        killed = _killed_at(site, paid, place, applied=applied)
        if paid["id"] not in site.events_stored():
            assert site.deliver(paid).status_code == 200
        site.clock.advance(LEASE_MILLISECONDS / 1000)
        site.of_sweep("stripe_events").run_once()
        assert site.events_stored() == {paid["id"]: "done"}, place
        assert (site.status(), site.grants(), site.credits()) == ("active", 1, [CREDITS]), place
        place += 1
    assert place > 6
    assert_sound(site)


def _killed_at(site: Subscribing, event: Any, place: int, *, applied: bool) -> bool:
    """Whether there was such an effect to be killed at."""
    wire, reached = site.wire(), list[object]()

    def die(*about: object) -> None:
        reached.append(about)
        if len(reached) == place + 1:
            raise Death

    (wire.after if applied else wire.before)(die)
    try:
        site.deliver(event)
    except Death:
        return True
    finally:
        wire.leave()
    return False


def test_a_late_event_of_a_former_customer_takes_nothing_from_the_present_one(
    site: Subscribing,
) -> None:
    delivered: set[str] = set()
    site.subscribe()
    deliver_new(site, delivered)
    former = site.parts.get(Customers).of_user("ann")
    site.account.client().v1.customers.delete(str(former))
    late = [event for event in site.account.events() if event["id"] not in delivered]
    delivered |= {event["id"] for event in late}
    with pytest.raises(StripeUnavailable):
        site.begin()
    subscription = site.subscribe()
    deliver_new(site, delivered)
    for event in late:
        assert site.deliver(event).status_code == 200
    entitlement = site.entitlement()
    assert entitlement.status.value == "active"
    assert entitlement.subscription_id == subscription
    assert_sound(site)


@pytest.mark.parametrize("age", [-60, 60])
def test_a_payment_that_was_canceled_hides_not_the_one_that_paid(
    site: Subscribing, age: int
) -> None:
    site.subscribe()
    account = site.account.simulator.account
    (paid,) = account.invoice_payments.where()
    canceled = site.account.client().v1.payment_intents.create({"amount": 900, "currency": "usd"})
    account.invoice_payments.add(
        paid
        | {
            "id": "inpay_canceled",
            "status": "canceled",
            "created": paid["created"] + age,
            "payment": {"payment_intent": canceled.id, "type": "payment_intent"},
        }
    )
    site.deliver_all()
    assert (site.credits(), site.grants()) == ([CREDITS], 1)


# Trials.


def trial_site(**terms: Any) -> Subscribing:
    return Subscribing(**({"trial_days": 7, "trial_credits": 5 * SCALE} | terms))


def test_a_trial_brings_its_credits_and_the_first_payment_the_plans() -> None:
    site, delivered = trial_site(), set[str]()
    site.subscribe()
    deliver_new(site, delivered)
    assert (site.status(), site.credits()) == ("trialing", [5])
    assert site.entitlement().trial_ends_at == site.entitlement().period_end_at
    site.pass_days(7.5)
    deliver_new(site, delivered)
    assert (site.status(), site.credits(), site.grants()) == ("active", [CREDITS], 2)
    assert_sound(site)


def test_a_second_trial_with_the_same_card_brings_no_credits_and_goes_on() -> None:
    site = trial_site()
    site.subscribe("ann")
    site.subscribe("bob")
    site.deliver_all()
    assert (site.status("ann"), site.status("bob")) == ("trialing", "trialing")
    assert sorted([*site.credits("ann"), *site.credits("bob")]) == [5]
    site.pass_days(7.5)
    site.deliver_all()
    assert [*site.credits("ann"), *site.credits("bob")] == [CREDITS, CREDITS]
    assert_sound(site)


def test_whoever_has_had_a_trial_subscribes_without_one() -> None:
    site = trial_site()
    first = site.subscribe("ann")
    site.deliver_all()
    site.account.client().v1.subscriptions.cancel(first)
    site.subscribe("ann", card="5555555555554444")
    site.deliver_all()
    assert (site.status(), site.grants()) == ("active", 2)


def test_another_trial_of_the_same_person_brings_no_credits() -> None:
    """Both checkouts were begun before the first trial was."""
    site = trial_site()
    checkouts = site.begin("ann"), site.begin("ann")
    first = site.complete(checkouts[0])
    site.deliver_all()
    site.account.client().v1.subscriptions.cancel(first)
    site.complete(checkouts[1], card="5555555555554444")
    site.deliver_all()
    assert (site.status(), site.credits()) == ("trialing", [5])
    assert site.grants() == 1


# What is none of ours, or not paid in full.


def test_a_subscription_of_a_customer_who_is_not_ours_is_left_alone(site: Subscribing) -> None:
    checkout = site.begin()
    site.account.controls.pay(checkout.session.id)
    customers = [item for item in site.items() if item["PK"]["S"].startswith("STRIPE_CUSTOMER#")]
    for item in customers:
        site.client.delete_item(
            TableName=site.table._name, Key={"PK": item["PK"], "SK": item["SK"]}
        )
    site.account.client().v1.customers.update(
        checkout.session.customer_id, {"metadata": {"userId": ""}}
    )
    for event in site.account.events("customer.subscription.created", "invoice.paid"):
        assert site.deliver(event).status_code == 200
    assert (site.status(), site.grants()) == ("none", 0)


def test_an_erased_user_gets_no_entitlement_back(site: Subscribing) -> None:
    subscription = site.subscribe()
    site.deliver_all()
    steps = {step.name: step for step in site.parts.erasure_steps()}
    steps["entitlement"].run("ann")
    wallet = site.wallet()
    site.client.update_item(
        TableName=site.table._name,
        Key={"PK": {"S": f"USER#{wallet.user_id}"}, "SK": {"S": "METADATA"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "closing"}},
    )
    site.account.client().v1.subscriptions.cancel(subscription)
    for event in site.account.events("customer.subscription.deleted"):
        assert site.deliver(event).status_code == 200
    assert site.status() == "none"


@pytest.mark.parametrize("cents", [899, 50])
def test_a_price_below_the_plans_brings_no_credits(cents: int) -> None:
    """An invoice must have the plan's full line."""
    site = Subscribing(amount_cents=900)
    account: StripeAccount = site.account
    line = account.simulator.account.prices.get(site.price_id, "price")
    line["unit_amount"] = cents
    site.subscribe()
    with capture_logs() as logs:
        site.deliver_all()
    assert (site.status(), site.grants()) == ("active", 0)
    assert alarms(logs) == {"plan"}


@pytest.mark.parametrize("trial", [{}, {"trial_days": 7, "trial_credits": 5 * SCALE}])
def test_an_invoice_that_brings_what_it_must_raises_no_alarm(trial: dict[str, Any]) -> None:
    site = Subscribing(**trial)
    site.subscribe()
    with capture_logs() as logs:
        site.deliver_all()
    assert alarms(logs) == set()


def test_a_credit_for_unused_time_raises_an_alarm(site: Subscribing) -> None:
    """It is money back that no refund of a payment shows."""
    site.subscribe()
    site.deliver_all()
    (invoice,) = site.account.simulator.account.invoices.where()
    (line,) = invoice["lines"]["data"]
    invoice["lines"]["data"] = [line, line | {"id": "il_credit", "amount": -900}]
    with capture_logs() as logs:
        site.deliver(site.account.events("invoice.paid")[0] | {"id": "evt_later"})
    assert alarms(logs) == {"credit"}


def test_a_refund_of_the_period_takes_the_credits_back(site: Subscribing) -> None:
    site.subscribe()
    site.deliver_all()
    (invoice,) = site.account.events("invoice.paid")
    payment = invoice["data"]["object"]["id"]
    site.account.controls.refund(payment, amount=450)
    site.deliver_all()
    assert site.credits() == [CREDITS // 2]
    assert_sound(site)
