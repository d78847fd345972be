"""Saved payment methods, and payments with them while their owner is away."""

from contextlib import nullcontext
from typing import Any

import pytest
import stripe

from tests.devstack.simulators.stripe.test_checkout import opened
from tests.doubles.stripe_account import StripeAccount

RETURN = "https://app.example/billing"
SAVING = {"payment_intent_data": {"setup_future_usage": "off_session"}}


def saved(account: StripeAccount, client: stripe.StripeClient, card: str) -> Any:
    """The payment method of a customer who paid with that card and let it be saved."""
    customer = client.v1.customers.create({"email": "ann@mail.example"})
    session = opened(client, customer=customer.id, **SAVING)
    account.controls.pay(session.id, card=card)
    waiting: Any = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    if waiting.payment_intent.status == "requires_action":
        account.controls.settle(waiting.payment_intent.id)
    [method] = client.v1.customers.payment_methods.list(customer.id).data
    return method


def pay(client: stripe.StripeClient, method: Any) -> Any:
    params: Any = {
        "amount": 1000,
        "currency": "usd",
        "customer": method.customer,
        "payment_method": method.id,
        "off_session": True,
        "confirm": True,
        "return_url": RETURN,
    }
    return client.v1.payment_intents.create(params)


def test_a_saved_card_pays_again_without_its_owner(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    method = saved(account, client, "4242424242424242")
    assert pay(client, method).status == "succeeded"


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("4000000000000341", "card_declined", "generic_decline"),
        ("4000002760003184", "authentication_required", "authentication_required"),
        ("4000008260003178", "card_declined", "insufficient_funds"),
    ],
)
def test_a_refusal_carries_the_payment_intent(
    account: StripeAccount, client: stripe.StripeClient, card: str, code: str, decline: str
) -> None:
    method = saved(account, client, card)
    with pytest.raises(stripe.CardError) as refused:
        pay(client, method)
    error: Any = refused.value.error
    assert (refused.value.http_status, error.code, error.decline_code) == (402, code, decline)
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_method.id == method.id
    assert client.v1.payment_intents.retrieve(error.payment_intent.id).amount_received == 0


def test_a_planned_outcome_meets_the_next_payment_of_that_customer(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    ann, bob = (saved(account, client, "4242424242424242") for _ in range(2))
    account.controls.fail_next("insufficient_funds", customer=ann.customer)
    assert pay(client, bob).status == "succeeded"
    with pytest.raises(stripe.CardError):
        pay(client, ann)
    assert pay(client, ann).status == "succeeded"


def test_a_payment_may_stay_processing(account: StripeAccount, client: stripe.StripeClient) -> None:
    method = saved(account, client, "4242424242424242")
    account.controls.fail_next("processing")
    intent = pay(client, method)
    assert (intent.status, intent.amount_received) == ("processing", 0)
    account.controls.settle(intent.id)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_one_card_has_one_fingerprint_whoever_uses_it(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    first, second = (saved(account, client, "4242424242424242") for _ in range(2))
    other = saved(account, client, "5555555555554444")
    assert first.card.fingerprint == second.card.fingerprint != other.card.fingerprint
    [charge] = client.v1.charges.list({"customer": first.customer}).data
    details: Any = charge.payment_method_details
    assert details.card.fingerprint == first.card.fingerprint


def test_a_card_that_was_not_to_be_saved_is_not(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    customer = client.v1.customers.create()
    account.controls.pay(opened(client, customer=customer.id).id)
    assert client.v1.customers.payment_methods.list(customer.id).data == []


def test_a_method_belongs_to_one_customer_until_it_is_detached(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    method = saved(account, client, "4242424242424242")
    settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
    client.v1.customers.update(method.customer, settings)
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(method.id, {"customer": other.id})
    client.v1.payment_methods.detach(method.id)
    owner: Any = client.v1.customers.retrieve(method.customer)
    assert owner.invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.detach(method.id)


@pytest.mark.parametrize("change", [{"off_session": True}, {"confirm": True, "return_url": RETURN}])
def test_a_payment_that_cannot_begin_is_refused(client: stripe.StripeClient, change: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 100, "currency": "usd", **change})


@pytest.mark.parametrize(
    ("methods", "accepted"),
    [
        ({}, False),
        ({"automatic_payment_methods": {"enabled": True}}, False),
        ({"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}, True),
        ({"payment_method_types": ["card"]}, True),
        ({"return_url": RETURN}, True),
    ],
)
def test_methods_that_may_redirect_need_an_address(
    account: StripeAccount, client: stripe.StripeClient, methods: Any, accepted: bool
) -> None:
    params: Any = {"amount": 100, "currency": "usd", "payment_method": "pm_card_visa"}
    with nullcontext() if accepted else pytest.raises(stripe.InvalidRequestError, match="return"):
        client.v1.payment_intents.create({**params, "confirm": True, **methods})
    assert len(account.events("payment_intent.created")) == accepted


def test_a_payment_intent_is_changed_canceled_and_then_fixed(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 100, "currency": "usd"})
    assert client.v1.payment_intents.update(intent.id, {"amount": 200}).amount == 200
    assert client.v1.payment_intents.cancel(intent.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_checkout_in_setup_mode_saves_a_card_without_a_payment(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    customer = client.v1.customers.create()
    session = opened(
        client,
        mode="setup",
        currency="usd",
        customer=customer.id,
        line_items=None,
        payment_intent_data=None,
        setup_intent_data={"metadata": {"userId": "ann"}},
    )
    assert (session.amount_total, session.payment_status) == (None, "no_payment_required")
    account.controls.pay(session.id, card="4000000000000002")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    account.controls.pay(session.id)
    done: Any = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.setup_intent.metadata["userId"]) == ("complete", "ann")
    [method] = client.v1.customers.payment_methods.list(customer.id).data
    assert method.id == done.setup_intent.payment_method
    assert client.v1.charges.list().data == []
    assert pay(client, method).status == "succeeded"
