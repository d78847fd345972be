"""A checkout session from its creation to the payment, as stripe-python reads it."""

from typing import Any

import pytest
import stripe

from devstack.simulators.stripe.errors import StripeError
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount

LINE = {
    "price_data": {
        "currency": "usd",
        "product_data": {"name": "100 credits"},
        "unit_amount": 999,
    },
    "quantity": 1,
}


def session_params(**changes: Any) -> dict[str, Any]:
    params = {
        "mode": "payment",
        "ui_mode": "embedded_page",
        "return_url": "https://app.example/return?session_id={CHECKOUT_SESSION_ID}",
        "line_items": [LINE],
        "metadata": {"orderId": "ord_1"},
        "payment_intent_data": {"metadata": {"orderId": "ord_1"}},
        **changes,
    }
    return {name: value for name, value in params.items() if value is not None}


def opened(client: stripe.StripeClient, **changes: Any) -> Any:
    params: Any = session_params(**changes)
    return client.v1.checkout.sessions.create(params)


def test_an_embedded_session_has_a_client_secret_and_no_url(client: stripe.StripeClient) -> None:
    session = opened(client)
    assert session.client_secret.startswith(f"{session.id}_secret_")
    assert (session.url, session.status, session.payment_status) == (None, "open", "unpaid")
    assert (session.amount_total, session.currency, session.livemode) == (999, "usd", False)
    assert session.payment_intent is None


def test_a_hosted_session_has_a_url_and_no_client_secret(client: stripe.StripeClient) -> None:
    session = opened(
        client,
        ui_mode="hosted_page",
        return_url=None,
        success_url="https://app.example/ok",
        cancel_url="https://app.example/",
    )
    assert session.url.endswith(f"/stripe/pay/{session.id}")
    assert session.client_secret is None


def test_a_payment_completes_the_session_in_the_order_of_stripes_events(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    session = opened(client)
    account.controls.pay(session.id)
    assert account.types() == [
        "product.created",
        "price.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    intent: Any = paid.payment_intent
    assert (paid.status, paid.payment_status, paid.client_secret) == ("complete", "paid", None)
    assert (intent.amount_received, intent.metadata["orderId"]) == (999, "ord_1")


def test_a_declined_card_leaves_the_session_open_for_another(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    session = opened(client)
    account.controls.pay(session.id, card="4000000000009995")
    tried = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    intent: Any = tried.payment_intent
    assert (tried.status, tried.payment_status) == ("open", "unpaid")
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.decline_code == "insufficient_funds"
    account.controls.pay(session.id)
    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert (paid.payment_status, paid.payment_intent) == ("paid", intent.id)
    charges = client.v1.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("outcome", "status", "last"),
    [
        ("succeeded", "paid", "checkout.session.async_payment_succeeded"),
        ("insufficient_funds", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_delayed_payment_completes_unpaid_and_ends_later(
    account: StripeAccount, client: stripe.StripeClient, outcome: str, status: str, last: str
) -> None:
    session = opened(client)
    account.controls.pay(session.id, method="sepa_debit")
    waiting = client.v1.checkout.sessions.retrieve(session.id)
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    account.controls.settle(waiting.payment_intent, outcome)
    ended = client.v1.checkout.sessions.retrieve(session.id)
    assert (ended.payment_status, account.types()[-1]) == (status, last)


def test_a_delayed_payment_ends_by_itself(
    account: StripeAccount, client: stripe.StripeClient, clock: FakeClock
) -> None:
    session = opened(client)
    account.controls.pay(session.id, method="us_bank_account")
    clock.advance(6)
    assert account.types()[-1] == "checkout.session.async_payment_succeeded"


def test_strong_authentication_pays_once_it_is_passed(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    session = opened(client)
    account.controls.pay(session.id, card="4000002500003155")
    waiting: Any = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (waiting.status, waiting.payment_intent.status) == ("open", "requires_action")
    account.controls.settle(waiting.payment_intent.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_session_expires_by_itself_or_by_a_request(
    account: StripeAccount, client: stripe.StripeClient, clock: FakeClock
) -> None:
    now = clock.now() // 1000
    lapsed, ended = opened(client, expires_at=now + 1800), opened(client)
    assert client.v1.checkout.sessions.expire(ended.id).status == "expired"
    clock.advance(1801)
    assert client.v1.checkout.sessions.retrieve(lapsed.id).status == "expired"
    assert account.types().count("checkout.session.expired") == 2
    with pytest.raises(stripe.InvalidRequestError, match="Only Checkout Sessions"):
        client.v1.checkout.sessions.expire(ended.id)


def test_an_attempted_payment_is_canceled_with_its_session_alone(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    session = opened(client)
    account.controls.pay(session.id, card="4000000000000002")
    intent: Any = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    with pytest.raises(stripe.InvalidRequestError, match="Expire the session"):
        client.v1.payment_intents.cancel(intent)
    client.v1.checkout.sessions.expire(session.id)
    ended = client.v1.payment_intents.retrieve(intent)
    assert (ended.status, ended.cancellation_reason) == ("canceled", "expired")
    assert account.types()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"ui_mode": "embedded"}, "ui_mode", None),
        ({"mode": None}, "mode", "parameter_missing"),
        ({"return_url": None}, "return_url", "parameter_missing"),
        ({"success_url": "https://app.example/"}, "success_url", None),
        ({"line_items": None}, "line_items", "parameter_missing"),
        ({"line_items": [LINE | {"quantity": "x"}]}, "line_items[0][quantity]", None),
        ({"line_items": [LINE | {"colour": "red"}]}, "line_items[0][colour]", "parameter_unknown"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price]", "parameter_missing"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]", None),
        ({"subscription_data": {"metadata": {}, "description": "x"}}, "subscription_data", None),
        ({"customer": "cus_none"}, "customer", "resource_missing"),
        ({"expires_at": 1}, "expires_at", None),
        ({"metadata": {"a" * 41: "x"}}, "metadata[" + "a" * 41 + "]", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"colour": "red"}, "colour", "parameter_unknown"),
    ],
)
def test_a_session_with_wrong_parameters_is_refused_and_does_not_exist(
    account: StripeAccount,
    client: stripe.StripeClient,
    changes: dict[str, Any],
    param: str,
    code: str | None,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        opened(client, **changes)
    assert refused.value.param == param
    assert code is None or refused.value.code == code
    assert (refused.value.http_status, len(account.simulator.account.sessions)) == (400, 0)


def test_a_session_of_a_deleted_customer_is_not_paid(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    customer = client.v1.customers.create().id
    session = opened(client, customer=customer)
    client.v1.customers.delete(customer)
    with pytest.raises(StripeError, match="No such customer"):
        account.controls.pay(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert len(account.simulator.account.charges) == 0


def test_a_customer_deleted_during_authentication_is_subscribed_to_nothing(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    customer = client.v1.customers.create().id
    price = client.v1.prices.list().data[0].id
    session = opened(
        client,
        mode="subscription",
        line_items=[{"price": price, "quantity": 1}],
        payment_intent_data=None,
        customer=customer,
    )
    account.controls.pay(session.id, card="4000002500003155")
    [intent] = account.simulator.account.intents
    client.v1.customers.delete(customer)
    account.controls.settle(intent["id"])
    assert intent["status"] == "succeeded"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert len(account.simulator.account.subscriptions) == 0
