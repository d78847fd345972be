"""The life of a subscription on a clock that the test moves."""

from typing import Any

import pytest
import stripe

from tests.devstack.simulators.stripe.test_checkout import opened
from tests.doubles.stripe_account import StripeAccount

DAY = 86_400


def price(client: stripe.StripeClient, cents: int = 1000, interval: Any = "month") -> str:
    return client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": cents,
            "recurring": {"interval": interval},
            "product_data": {"name": "Pro"},
        }
    ).id


def subscribed(
    account: StripeAccount, client: stripe.StripeClient, data: Any = None, **payment: Any
) -> Any:
    """The subscription of a checkout that was paid."""
    session = opened(
        client,
        mode="subscription",
        line_items=[{"price": price(client), "quantity": 1}],
        payment_intent_data=None,
        subscription_data={"metadata": {"userId": "ann"}, **(data or {})},
    )
    account.controls.pay(session.id, **payment)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    return done.subscription


def now(client: stripe.StripeClient, subscription: Any) -> Any:
    return client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})


def period(subscription: Any) -> tuple[int, int]:
    [item] = subscription["items"].data
    return item.current_period_start, item.current_period_end


def test_a_subscription_exists_once_its_first_payment_has_succeeded(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    session = opened(
        client,
        mode="subscription",
        line_items=[{"price": price(client), "quantity": 1}],
        payment_intent_data=None,
    )
    account.controls.pay(session.id, card="4000000000000002")
    assert client.v1.subscriptions.list().data == []
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    account.controls.pay(session.id)
    [found] = client.v1.subscriptions.list().data
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.subscription, done.payment_status) == (found.id, "paid")
    assert (done.payment_intent, done.invoice) == (None, found.latest_invoice)
    assert "current_period_end" not in found


def test_the_first_invoice_names_its_subscription_and_payment(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = now(client, subscribed(account, client))
    invoice = client.v1.invoices.retrieve(found.latest_invoice.id, {"expand": ["payments"]})
    details: Any = invoice.parent.subscription_details  # type: ignore[union-attr]
    assert (details.subscription, details.metadata["userId"]) == (found.id, "ann")
    assert (invoice.billing_reason, invoice.status) == ("subscription_create", "paid")
    assert (invoice.amount_paid, invoice.lines.data[0].period.end) == (1000, period(found)[1])
    payment: Any = invoice.payments.data[0]  # type: ignore[union-attr]
    intent = client.v1.payment_intents.retrieve(payment.payment.payment_intent)
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    query: Any = {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    assert [each.invoice for each in client.v1.invoice_payments.list(query).data] == [invoice.id]


def test_a_renewal_moves_the_period_at_once_and_is_paid_an_hour_later(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    first = subscribed(account, client)
    start, end = period(first)
    account.controls.clock(seconds=end - start + 1)
    renewed = now(client, first)
    assert (period(renewed)[0], renewed.status) == (end, "active")
    assert (renewed.latest_invoice.status, renewed.latest_invoice.billing_reason) == (
        "draft",
        "subscription_cycle",
    )
    account.controls.clock(seconds=3600)
    assert now(client, first).latest_invoice.status == "paid"


@pytest.mark.parametrize("policy", ["canceled", "unpaid", "past_due"])
def test_a_renewal_that_keeps_failing_ends_as_the_account_says(
    account: StripeAccount, client: stripe.StripeClient, policy: str
) -> None:
    account.controls.settings(after_retries=policy)
    found = subscribed(account, client, card="4000000000000341")
    account.controls.clock(days=31, seconds=3600)
    late = now(client, found)
    assert (late.status, late.latest_invoice.attempt_count) == ("past_due", 1)
    assert late.latest_invoice.next_payment_attempt is not None
    account.controls.clock(days=15)
    ended = now(client, found)
    assert (ended.status, ended.latest_invoice.status) == (policy, "open")
    assert ended.latest_invoice.attempt_count == 4
    assert account.types().count("invoice.payment_failed") == 4


def test_a_payment_that_succeeds_on_a_retry_makes_it_active_again(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    account.controls.fail_next("insufficient_funds")
    account.controls.clock(days=31, seconds=3600)
    assert now(client, found).status == "past_due"
    account.controls.clock(days=3)
    recovered = now(client, found)
    assert (recovered.status, recovered.latest_invoice.status) == ("active", "paid")


def test_an_open_invoice_can_be_paid_by_a_request(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client, card="4000000000000341")
    account.controls.clock(days=31, seconds=3600)
    invoice = now(client, found).latest_invoice
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(invoice.id)
    assert client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"}).status == "paid"
    assert now(client, found).status == "active"


def test_a_trial_costs_nothing_until_it_ends(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = now(client, subscribed(account, client, {"trial_period_days": 7}))
    assert (found.status, found.latest_invoice.amount_due) == ("trialing", 0)
    assert found.trial_end == period(found)[1] == found.trial_start + 7 * DAY
    [session] = client.v1.checkout.sessions.list().data
    assert session.payment_status == "no_payment_required"
    account.controls.clock(days=5)
    assert "customer.subscription.trial_will_end" in account.types()
    account.controls.clock(days=2, seconds=3600)
    paying = now(client, found)
    assert (paying.status, paying.latest_invoice.amount_paid) == ("active", 1000)


def test_a_planned_cancellation_ends_it_with_its_period(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    planned = client.v1.subscriptions.update(found.id, {"cancel_at_period_end": True})
    assert (planned.status, planned.cancel_at) == ("active", period(found)[1])
    account.controls.clock(days=31)
    ended = now(client, found)
    assert (ended.status, ended.ended_at) == ("canceled", period(found)[1])
    assert account.types()[-1] == "customer.subscription.deleted"
    assert client.v1.subscriptions.list().data == []
    assert len(client.v1.subscriptions.list({"status": "all"}).data) == 1


def test_a_cancellation_that_was_taken_back_does_not_end_it(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    client.v1.subscriptions.update(found.id, {"cancel_at_period_end": True})
    client.v1.subscriptions.update(found.id, {"cancel_at_period_end": False})
    account.controls.clock(days=32)
    assert now(client, found).status == "active"


def test_a_higher_price_is_prorated_with_the_next_invoice_or_at_once(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    start, end = period(found)
    account.controls.clock(seconds=(end - start) // 2)
    item = found["items"].data[0].id
    changes: Any = {"items": [{"id": item, "price": price(client, 3000)}]}
    client.v1.subscriptions.update(found.id, changes)
    assert now(client, found).latest_invoice.billing_reason == "subscription_create"
    changes = {
        "items": [{"id": item, "price": price(client, 5000)}],
        "proration_behavior": "always_invoice",
    }
    client.v1.subscriptions.update(found.id, changes)
    invoice = now(client, found).latest_invoice
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    assert [line.amount for line in invoice.lines.data] == [-500, 1500, -1500, 2500]
    details = [line.parent.subscription_item_details.proration for line in invoice.lines.data]
    assert details == [True] * 4


def test_a_lower_price_is_credited_to_the_customer(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    start, end = period(found)
    account.controls.clock(seconds=(end - start) // 2)
    changes: Any = {
        "items": [{"id": found["items"].data[0].id, "price": price(client, 100)}],
        "proration_behavior": "always_invoice",
    }
    client.v1.subscriptions.update(found.id, changes)
    invoice = now(client, found).latest_invoice
    assert (invoice.total, invoice.amount_due, invoice.status) == (-450, 0, "paid")
    assert client.v1.customers.retrieve(found.customer).balance == -450
    account.controls.clock(days=31)
    renewed = now(client, found).latest_invoice
    assert (renewed.total, renewed.amount_due, renewed.amount_paid) == (100, 0, 0)


def test_another_interval_begins_a_new_period_at_once(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    account.controls.clock(days=1)
    changes: Any = {
        "items": [{"id": found["items"].data[0].id, "price": price(client, 10000, "year")}]
    }
    client.v1.subscriptions.update(found.id, changes)
    yearly = now(client, found)
    assert period(yearly)[0] == found.created + DAY
    assert period(yearly)[1] - period(yearly)[0] in (365 * DAY, 366 * DAY)
    assert yearly.latest_invoice.lines.data[-1].amount == 10000


def test_a_deleted_customer_has_no_subscription_any_more(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    deleted: Any = client.v1.customers.delete(found.customer)
    assert deleted.deleted
    assert account.types()[-2:] == ["customer.subscription.deleted", "customer.deleted"]
    assert now(client, found).status == "canceled"
    again: Any = client.v1.customers.retrieve(found.customer)
    assert again.deleted
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.update(found.customer, {"name": "Ann"})
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_delayed_first_payment_that_fails_makes_it_past_due(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client, method="sepa_debit")
    invoice = now(client, found).latest_invoice
    assert (found.status, invoice.status) == ("active", "open")
    [payment] = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    account.controls.settle(payment.payment.payment_intent, "insufficient_funds")
    assert now(client, found).status == "past_due"
    assert "checkout.session.async_payment_failed" in account.types()


def test_the_portal_is_a_link_for_one_customer(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create()
    session = client.v1.billing_portal.sessions.create(
        {"customer": customer.id, "return_url": "https://app.example/"}
    )
    assert session.url.endswith(f"/stripe/portal/{session.id}")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing_portal.sessions.create({"customer": "cus_none"})
    assert refused.value.param == "customer"
