"""What this service sends to Stripe is valid for stripe-mock too."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.simulators.stripe.seeds import read_plans
from devstack.simulators.stripe.wire import Request
from service.billing.checkouts import NewOrder
from service.billing.offers import Offers
from service.billing.order_entities import UiMode
from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import StripeKeys, stripe_secrets
from tests.billing.world import BillingWorld
from tests.devstack.simulators.stripe.test_subscriptions import subscribed
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import LOCAL_KEY, LOCAL_WEBHOOK_SECRET, StripeAccount
from tests.installs import ROOT
from tests.stripe_mock.mock import Mock
from tests.stripe_mock.recorder import LEFT_OUT, TESTS, recorded
from tests.stripe_mock.world import START

pytestmark = pytest.mark.go


def adapter(account: StripeAccount) -> Stripe:
    secrets = stripe_secrets(LOCAL_KEY, [LOCAL_WEBHOOK_SECRET])
    keys = StripeKeys(lambda: secrets, FakeClock(), production=False)
    return Stripe(StripeApi(account.client(), keys))


def assert_valid(account: StripeAccount, mock: Mock) -> None:
    """Every request so far."""
    refused = []
    for request in account.http.requests:
        status, body = mock.send(request)
        if status >= 300:
            refused.append((request.method, request.path, request.body, body))
    assert refused == []
    assert account.http.requests


def test_every_verb_of_the_adapter_sends_what_stripe_accepts(mock: Mock) -> None:
    account = StripeAccount(FakeClock(START))
    stripe = adapter(account)
    customer = stripe.create_customer({"metadata": {"userId": "ann"}}, "customer-ann")
    session = stripe.create_checkout_session(_session(customer.id), "order-1")
    account.controls.pay(session.id)
    payment_id: Any = stripe.retrieve_checkout_session(session.id).payment_intent_id
    stripe.retrieve_payment_intent(payment_id)
    stripe.create_refund({"payment_intent": payment_id, "amount": 100}, "refund-1")
    for listed in (
        stripe.refunds_of,
        stripe.disputes_of,
        stripe.fraud_warnings_of,
    ):
        listed(payment_id)
    stripe.create_portal_session({"customer": customer.id}, "portal-1")
    stripe.events_page(START, kinds=["checkout.session.completed"])
    subscription = subscribed(account, account.client())
    stripe.retrieve_subscription(subscription.id)
    invoice = stripe.retrieve_invoice(subscription.latest_invoice)
    stripe.update_invoice(invoice.id, {"metadata": {"creditAlarm": "in_1-open"}}, "credit-in_1")
    stripe.invoices_since(invoice)
    stripe.credit_notes_of(invoice.id)
    account.http.arm("list_invoices", "status:404:resource_missing")
    stripe.invoices_since(invoice)
    stripe.retrieve_customer(customer.id)
    stripe.delete_customer(customer.id)
    assert_valid(account, mock)


@pytest.mark.parametrize("ui_mode", list(UiMode))
@pytest.mark.parametrize("collects", [False, True])
def test_every_checkout_of_ours_is_valid(mock: Mock, ui_mode: UiMode, collects: bool) -> None:
    rules = {"stripe_tax": collects, "stripe_tax_ids": collects, "stripe_invoices": collects}
    world = BillingWorld(**rules)
    checkout = world.begin(ui_mode=ui_mode, saves_method=collects)
    world.pay(checkout)
    world.orders.reconcile(checkout.session.id)
    assert_valid(world.account, mock)


@pytest.mark.parametrize("ui_mode", list(UiMode))
@pytest.mark.parametrize("collects", [False, True])
@pytest.mark.parametrize("plan", list(read_plans()))
def test_every_subscription_of_ours_is_valid(
    mock: Mock, ui_mode: UiMode, collects: bool, plan: str
) -> None:
    rules = {"stripe_tax": collects, "stripe_tax_ids": collects, "stripe_invoices": collects}
    world = BillingWorld(**rules)
    price_id = read_plans()[plan]["priceId"]
    terms = world.harness.parts.get(Offers).plan_terms("ann", price_id, ui_mode)
    world.pay(world.checkouts.begin(world.principal(), NewOrder(terms)))
    assert_valid(world.account, mock)


def _session(customer_id: str) -> dict[str, Any]:
    return {
        "mode": "payment",
        "ui_mode": "embedded_page",
        "customer": customer_id,
        "client_reference_id": "ann",
        "return_url": "https://app.example/return?session_id={CHECKOUT_SESSION_ID}",
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 999,
                    "product_data": {"name": "100 credits"},
                },
                "quantity": 1,
            }
        ],
        "metadata": {"orderId": "ord_1"},
        "payment_intent_data": {
            "metadata": {"orderId": "ord_1"},
            "setup_future_usage": "off_session",
        },
        "invoice_creation": {"enabled": True},
        "automatic_tax": {"enabled": True},
        "tax_id_collection": {"enabled": True},
        "customer_update": {"address": "auto", "name": "auto"},
    }


@pytest.fixture
def sent_by_tests(tmp_path: Path) -> list[Request]:
    """What the tests of billing send. `make check` has recorded it while it ran them; else they run
    for this."""
    if recording := os.environ.get("STRIPE_REQUESTS"):
        return recorded(Path(recording))
    folder = tmp_path / "requests"
    without = [f"--ignore-glob=*{word}*" for word in LEFT_OUT]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.stripe_mock.recorder"),
            *("-m", "not sample and not go", *without, *TESTS),
        ],
        cwd=ROOT,
        env=os.environ | {"STRIPE_REQUESTS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    return recorded(folder)


@pytest.mark.timeout(600)
def test_everything_that_the_tests_of_billing_send_is_valid(
    mock: Mock, sent_by_tests: list[Request]
) -> None:
    """Whoever adds a request to Stripe with a test in process has it checked here."""
    account = StripeAccount(FakeClock(START))
    account.http.requests += sent_by_tests
    assert len(account.http.requests) > 20
    assert_valid(account, mock)
