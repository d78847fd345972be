"""The pages of the simulated Stripe, without a browser."""

from typing import Any

import pytest

from tests.devstack.simulators.stack import Stack
from tests.devstack.simulators.stripe.test_checkout import opened
from tests.devstack.simulators.stripe.test_routes import client_of
from tests.devstack.simulators.stripe.test_subscriptions import price


def test_only_who_knows_the_client_secret_pays_in_a_frame(shared: Stack) -> None:
    session = opened(client_of(shared))
    path = f"/stripe/pay/{session.id}"
    refused = shared.call("POST", path, json={"card": "4242424242424242", "secret": "wrong"})
    assert refused.status_code == 400
    assert client_of(shared).v1.checkout.sessions.retrieve(session.id).status == "open"
    body = {"card": "4242424242424242", "secret": session.client_secret}
    paid = shared.call("POST", path, json=body).json()
    assert paid["redirect"] == f"https://app.example/return?session_id={session.id}"
    again = shared.call("POST", path, json=body)
    assert (again.status_code, again.json()["redirect"]) == (400, None)


def test_a_page_without_redirect_leads_nowhere(shared: Stack) -> None:
    session = opened(client_of(shared), redirect_on_completion="if_required")
    body = {"card": "4242424242424242", "secret": session.client_secret}
    paid = shared.call("POST", f"/stripe/pay/{session.id}", json=body).json()
    assert (paid["status"], paid["redirect"]) == ("complete", None)


@pytest.mark.parametrize("embedded", [False, True])
def test_the_payment_page_may_be_framed_only_where_it_is_embedded(
    shared: Stack, embedded: bool
) -> None:
    session = opened(client_of(shared))
    query = "?embedded" if embedded else ""
    page = shared.call("GET", f"/stripe/pay/{session.id}{query}")
    framed = "frame-ancestors 'none'" not in page.headers["Content-Security-Policy"]
    assert (page.status_code, framed) == (200, embedded)
    assert "Pay 9.99 USD" in page.text


@pytest.mark.parametrize("path", ["pay", "portal", "invoices", "receipts"])
def test_an_unknown_page_is_missing(shared: Stack, path: str) -> None:
    assert shared.call("GET", f"/stripe/{path}/none").status_code == 404


def test_a_customer_cancels_resumes_and_changes_the_card_on_the_portal(stack: Stack) -> None:
    client = client_of(stack)
    lines = [{"price": price(client), "quantity": 1}]
    session = opened(client, mode="subscription", line_items=lines, payment_intent_data=None)
    stack.call("POST", "/stripe/__pay", json={"session": session.id})
    [subscription] = client.v1.subscriptions.list().data
    customer: Any = subscription.customer
    portal = client.v1.billing_portal.sessions.create({"customer": customer})
    path = portal.url.removeprefix(stack.url)
    for action, ends in (("cancel", True), ("resume", False)):
        form = {"action": action, "subscription": subscription.id}
        page = stack.call("POST", path, data=form)
        assert (page.status_code, page.url) == (200, portal.url)
        found = client.v1.subscriptions.retrieve(subscription.id)
        assert found.cancel_at_period_end is ends
    page = stack.call("POST", path, data={"action": "card", "card": "4000000000000341"})
    assert "visa ending in 0341" in page.text
    found = client.v1.subscriptions.retrieve(subscription.id)
    owner: Any = client.v1.customers.retrieve(customer)
    assert found.default_payment_method == owner.invoice_settings.default_payment_method


def test_the_links_of_receipts_and_invoices_lead_to_pages(stack: Stack) -> None:
    client = client_of(stack)
    session = opened(client, invoice_creation={"enabled": True}, customer_creation="always")
    stack.call("POST", "/stripe/__pay", json={"session": session.id})
    [charge], [invoice] = client.v1.charges.list().data, client.v1.invoices.list().data
    for url in (charge.receipt_url, invoice.hosted_invoice_url):
        assert url is not None
        page = stack.call("GET", url.removeprefix(stack.url))
        assert (page.status_code, "9.99 USD" in page.text) == (200, True)
