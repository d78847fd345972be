"""A payer confirms a payment with what Stripe.js knows: the client secret."""

from typing import Any

import pytest

from tests.devstack.simulators.stack import Stack
from tests.devstack.simulators.stripe.test_routes import client_of


def waiting(stack: Stack) -> tuple[Any, str]:
    """A payment that its bank did not let pass, and the saved method."""
    client = client_of(stack)
    customer = client.v1.customers.create({}).id
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    stack.call("POST", "/stripe/__fail_next", json={"outcome": "authentication_required"})
    params: Any = {
        "amount": 990,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "return_url": "https://app.example/billing",
        "confirm": True,
    }
    with pytest.raises(Exception, match="authentication"):
        client.v1.payment_intents.create(params)
    (intent,) = client.v1.payment_intents.list({"customer": customer}).data
    return intent, method


def confirm(stack: Stack, intent: Any, **body: Any) -> Any:
    return stack.call("POST", f"/stripe/confirm/{intent.id}", json=body)


def test_only_who_knows_the_secret_confirms(shared: Stack) -> None:
    intent, method = waiting(shared)
    refused = confirm(shared, intent, secret="wrong", method=method, passed=True)
    assert refused.status_code == 400
    done = confirm(shared, intent, secret=intent.client_secret, method=method, passed=True)
    assert (done.status_code, done.json()) == (200, {"status": "succeeded"})
    again = confirm(shared, intent, secret=intent.client_secret, method=method, passed=True)
    assert again.status_code == 400


def test_who_is_not_the_payer_confirms_nothing(shared: Stack) -> None:
    intent, method = waiting(shared)
    failed = confirm(shared, intent, secret=intent.client_secret, method=method, passed=False)
    assert failed.status_code == 402
    found = client_of(shared).v1.payment_intents.retrieve(intent.id)
    assert found.status == "requires_payment_method"


def test_an_unknown_payment_is_missing(shared: Stack) -> None:
    assert shared.call("POST", "/stripe/confirm/none", json={}).status_code == 404
