"""The parameters of a checkout session (https://docs.stripe.com/api/checkout/sessions/create).
Pure.

In a file of its own because a repeated request must send exactly the same: everything here follows
from the order as it is stored, and from settings."""

from dataclasses import dataclass
from typing import Any

from service.billing.order_entities import Order, OrderKind, UiMode

# Stripe fills this in (https://docs.stripe.com/payments/checkout/custom-success-page).
SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
MAX_REFERENCE = 200


@dataclass(frozen=True, kw_only=True)
class CheckoutRules:
    """What every checkout collects, and where buyers return to."""

    app_url: str
    return_path: str
    cancel_path: str
    tax: bool = False
    tax_ids: bool = False
    invoices: bool = True


def session_params(order: Order, customer_id: str, rules: CheckoutRules) -> dict[str, Any]:
    """Our amount, never a client's; the order's id wherever an event may start from."""
    metadata = order_metadata(order)
    params: dict[str, Any] = {
        "ui_mode": order.terms.ui_mode.value,
        "customer": customer_id,
        "metadata": metadata,
        "expires_at": order.expires_at // 1000,
        **_return_addresses(order, rules),
        **_collected(rules),
    }
    if len(order.user_id) <= MAX_REFERENCE:
        params["client_reference_id"] = order.user_id
    if order.terms.kind is OrderKind.SUBSCRIPTION:
        return params | _subscription(order, metadata)
    return params | _payment(order, metadata, rules)


def order_metadata(order: Order) -> dict[str, str]:
    return {"userId": order.user_id, "orderId": order.order_id}


def _payment(order: Order, metadata: dict[str, str], rules: CheckoutRules) -> dict[str, Any]:
    terms = order.terms
    price = {
        "currency": terms.currency,
        "unit_amount": terms.amount_cents,
        "product_data": {"name": terms.name},
    }
    intent: dict[str, Any] = {"metadata": metadata}
    if terms.saves_method:
        intent["setup_future_usage"] = "off_session"
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": intent,
    }
    if rules.invoices:
        data = {"metadata": metadata}
        params["invoice_creation"] = {"enabled": True, "invoice_data": data}
    return params


def _subscription(order: Order, metadata: dict[str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {"metadata": metadata}
    if order.terms.trial_days:
        data["trial_period_days"] = order.terms.trial_days
    return {
        "mode": "subscription",
        "line_items": [{"quantity": 1, "price": order.terms.product_id}],
        "subscription_data": data,
    }


def _return_addresses(order: Order, rules: CheckoutRules) -> dict[str, str]:
    place = f"{rules.app_url.rstrip('/')}{rules.return_path}"
    back = f"{place}?order_id={order.order_id}&session_id={SESSION_PLACEHOLDER}"
    if order.terms.ui_mode is UiMode.EMBEDDED:
        return {"return_url": back}
    return {"success_url": back, "cancel_url": f"{rules.app_url.rstrip('/')}{rules.cancel_path}"}


def _collected(rules: CheckoutRules) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if rules.tax:
        params["automatic_tax"] = {"enabled": True}
    if rules.tax_ids:
        params["tax_id_collection"] = {"enabled": True}
    if rules.tax or rules.tax_ids:
        # Both need the address and name of the customer, who exists already.
        params["customer_update"] = {"address": "auto", "name": "auto"}
    return params
