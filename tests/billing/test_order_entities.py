"""Which checkout session is that of an order, and what Stripe is sent for it."""

from typing import Any

import pytest

from service.billing.checkout_params import CheckoutRules, session_params
from service.billing.order_entities import OrderKind, UiMode, is_session_id, session_fault
from service.billing.store import is_sealed, sealed_order
from tests.billing.orders import ORDER_ID, a_session, an_order

RULES = CheckoutRules(
    app_url="https://app.example.com/", return_path="/done", cancel_path="/shop", invoices=False
)
BACK = f"https://app.example.com/done?order_id={ORDER_ID}&session_id={{CHECKOUT_SESSION_ID}}"
NAMED = {"userId": "ann", "orderId": ORDER_ID}


def test_a_session_that_agrees_with_its_order_has_no_fault() -> None:
    assert session_fault(an_order(), a_session()) == ""
    assert session_fault(an_order(session_id="cs_test_1"), a_session()) == ""


def test_taxes_on_top_are_no_fault() -> None:
    assert session_fault(an_order(), a_session(amount_total_cents=1178)) == ""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"metadata": {"userId": "bob", "orderId": ORDER_ID}}, "the user"),
        ({"metadata": {"userId": "ann", "orderId": "ord_other"}}, "the order"),
        ({"metadata": {}}, "the user"),
        ({"mode": "subscription"}, "the mode"),
        ({"mode": "setup"}, "the mode"),
        ({"currency": "idr"}, "the currency"),
        ({"amount_subtotal_cents": 989}, "the amount"),
        ({"amount_subtotal_cents": 9900}, "the amount"),
        ({"id": "cs_test_2"}, "another session"),
    ],
)
def test_a_session_that_differs_from_its_order_is_found(change: dict[str, Any], fault: str) -> None:
    assert session_fault(an_order(session_id="cs_test_1"), a_session(**change)) == fault


@pytest.mark.parametrize(
    "change",
    [
        {"credits": 1_000_000},
        {"bonus": 1},
        {"amount_cents": 1},
        {"currency": "idr"},
        {"life_days": 3},
        {"product_id": "credits-2000"},
        {"kind": OrderKind.SUBSCRIPTION},
        {"trial_days": 30},
        {"user_id": "bob"},
        {"order_id": "ord_01kb7r3v6q8f2x0m4n5p6q7r8t"},
        {"created_at": 1},
        {"expires_at": 1},
    ],
)
def test_the_seal_covers_everything_that_was_ordered(change: dict[str, Any]) -> None:
    key = b"k" * 32
    sealed = sealed_order(an_order(), key)
    assert is_sealed(sealed, key)
    assert not is_sealed(an_order(mac=sealed.mac, **change), key)
    assert not is_sealed(sealed, b"other" * 8)


def test_an_embedded_checkout_returns_to_the_app_and_carries_our_amount() -> None:
    assert session_params(an_order(), "cus_1", RULES) == {
        "mode": "payment",
        "ui_mode": "embedded_page",
        "customer": "cus_1",
        "client_reference_id": "ann",
        "metadata": NAMED,
        "payment_intent_data": {"metadata": NAMED},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 990,
                    "product_data": {"name": "100 credits"},
                },
            }
        ],
        "return_url": BACK,
        "expires_at": 1_790_003_600,
    }


def test_a_hosted_checkout_has_two_ways_back() -> None:
    params = session_params(an_order(ui_mode=UiMode.HOSTED), "cus_1", RULES)
    assert params["success_url"] == BACK
    assert params["cancel_url"] == "https://app.example.com/shop"
    assert "return_url" not in params


def test_a_subscription_names_its_order_on_the_subscription_too() -> None:
    order = an_order(kind=OrderKind.SUBSCRIPTION, product_id="price_1", trial_days=14)
    params = session_params(order, "cus_1", RULES)
    assert params["mode"] == "subscription"
    assert params["line_items"] == [{"quantity": 1, "price": "price_1"}]
    assert params["subscription_data"] == {"metadata": NAMED, "trial_period_days": 14}
    assert "payment_intent_data" not in params


def test_what_settings_add_is_sent() -> None:
    rules = CheckoutRules(
        app_url="https://app.example.com",
        return_path="/done",
        cancel_path="/shop",
        tax=True,
        tax_ids=True,
        invoices=True,
    )
    params = session_params(an_order(saves_method=True), "cus_1", rules)
    assert params["automatic_tax"] == {"enabled": True}
    assert params["tax_id_collection"] == {"enabled": True}
    assert params["customer_update"] == {"address": "auto", "name": "auto"}
    assert params["invoice_creation"] == {"enabled": True, "invoice_data": {"metadata": NAMED}}
    assert params["payment_intent_data"]["setup_future_usage"] == "off_session"


def test_a_user_id_that_is_too_long_for_a_reference_is_left_to_the_metadata() -> None:
    params = session_params(an_order(user_id="a" * 255), "cus_1", RULES)
    assert "client_reference_id" not in params
    assert params["metadata"]["userId"] == "a" * 255


@pytest.mark.parametrize("text", ["cs_", "cus_1", "cs_test/1", "cs_test_1?", "cs_" + "a" * 201])
def test_what_can_be_no_session_is_known_without_stripe(text: str) -> None:
    assert not is_session_id(text)
    assert is_session_id("cs_test_a1B2c3")
