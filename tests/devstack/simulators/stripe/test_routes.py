"""The simulated Stripe over HTTP: controls, faults, webhooks, journal."""

import json
from typing import Any

import pytest
import stripe

from devstack.simulators.stripe.simulator import LOCAL_KEY
from devstack.simulators.stripe.wire import API_VERSION
from tests.devstack.simulators.stack import Receiver, Stack, Start
from tests.devstack.simulators.stripe.test_checkout import opened


def client_of(stack: Stack, retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        LOCAL_KEY,
        stripe_version=API_VERSION,
        base_addresses={"api": f"{stack.url}/stripe"},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(),
    )


def control(stack: Stack, name: str, status: int = 200, **body: object) -> dict[str, Any]:
    response = stack.call("POST", f"/stripe/__{name}", json=body)
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_purchase_over_http_reaches_the_webhook_with_valid_signatures(
    start: Start, receiver: Receiver
) -> None:
    stack = start(stripe_webhook_url=receiver.url, stripe_webhook_secrets="whsec_old, whsec_new")
    session = opened(client_of(stack))
    assert control(stack, "pay", session=session.id)["payment_status"] == "paid"
    receiver.wait_for(6)
    types = [json.loads(body)["type"] for _, body in receiver.received]
    assert types[-1] == "checkout.session.completed"
    headers, body = receiver.received[-1]
    for secret in ("whsec_old", "whsec_new"):
        signature = headers["Stripe-Signature"]
        assert stripe.WebhookSignature.verify_header(body.decode(), signature, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), signature, "whsec_other")
    books = stack.call("GET", "/stripe/__books").json()
    assert [each["amount"] for each in books["payments"]] == [999]


def test_a_lost_response_leaves_one_session_when_the_request_is_repeated(stack: Stack) -> None:
    stack.arm("stripe", "create_session", "lost-answer")
    session = opened(client_of(stack, retries=2))
    listed = client_of(stack).v1.checkout.sessions.list().data
    assert [each.id for each in listed] == [session.id]
    entries = stack.journal(service="stripe", operation="create_session")
    assert [entry["fault"] for entry in entries] == ["lost-answer", None]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("status:429", stripe.RateLimitError),
        ("status:500", stripe.APIError),
        ("reset", stripe.APIConnectionError),
        ("stored-error", stripe.APIError),
    ],
)
def test_a_fault_meets_one_request(
    stack: Stack, fault: str, error: type[stripe.StripeError]
) -> None:
    stack.arm("stripe", "create_customer", fault)
    client = client_of(stack)
    with pytest.raises(error):
        client.v1.customers.create(options={"idempotency_key": "customer-ann"})
    if fault == "stored-error":
        with pytest.raises(error):
            client.v1.customers.create(options={"idempotency_key": "customer-ann"})
        assert client.v1.customers.list().data == []
    else:
        client.v1.customers.create(options={"idempotency_key": "customer-ann"})
        assert len(client.v1.customers.list().data) == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("pay", {}),
        ("pay", {"session": 1}),
        ("pay", {"session": "cs_none"}),
        ("pay", {"session": "cs_none", "colour": "red"}),
        ("pay", {"session": "cs_none", "outcome": "maybe"}),
        ("refund", {"payment": "pi_none"}),
        ("dispute", {"dispute": "du_none", "action": "won"}),
        ("fail_next", {"count": True}),
        ("clock", {"seconds": -1}),
        ("settings", {"after_retries": "party"}),
        ("webhooks", {"endpoints": [{}]}),
        ("deliver", {"events": "evt_none"}),
    ],
)
def test_a_wrong_control_call_is_refused(shared: Stack, name: str, body: dict[str, object]) -> None:
    assert control(shared, name, 400, **body)["error"]["message"]


def test_the_controls_switch_webhooks(start: Start, receiver: Receiver) -> None:
    stack = start(stripe_webhook_url=receiver.url)
    client = client_of(stack)
    control(stack, "webhooks", drop=1, copies=2)
    client.v1.customers.create()
    client.v1.customers.create()
    receiver.wait_for(2)
    control(stack, "webhooks", copies=1, reorder=3)
    for name in ("a", "b", "c"):
        client.v1.customers.create({"name": name})
    receiver.wait_for(5)
    names = [event["data"]["object"]["name"] for event in receiver.tasks()]
    assert names == [None, None, "c", "b", "a"]
    [first, second, *_] = receiver.tasks()
    assert first["id"] == second["id"]


def test_a_webhook_that_is_refused_is_sent_again(start: Start, receiver: Receiver) -> None:
    stack = start(stripe_webhook_url=receiver.url)
    receiver.statuses = [500]
    client_of(stack).v1.customers.create()
    stack.clock.advance(1)
    receiver.wait_for(1)
    while len(receiver.received) < 2:
        stack.clock.advance(1)
    assert len({event["id"] for event in receiver.tasks()}) == 1
