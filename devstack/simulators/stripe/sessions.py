"""Checkout sessions: created, expired, listed (https://docs.stripe.com/api/checkout/sessions).
How they are paid: `checkout.py`."""

from devstack.simulators.stripe import catalog, intents, session_requests
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.errors import StripeError, invalid, missing_parameter
from devstack.simulators.stripe.ids import client_secret
from devstack.simulators.stripe.intents import live_customer
from devstack.simulators.stripe.session_requests import HOSTED, MAX_EXPIRY_SECONDS
from devstack.simulators.stripe.wire import Wire


def create(account: Account, params: Wire) -> Wire:
    """An open session. Emits no event of its own, as Stripe does not. Raises `StripeError`."""
    session_requests.check(params, account.now())
    intents.check_capture(params.get("payment_intent_data", {}))
    if "customer" in params:
        live_customer(account, params["customer"], "customer")
    lines = [
        _line(account, line, f"line_items[{index}]")
        for index, line in enumerate(params.get("line_items", []))
    ]
    session_requests.check_lines(params["mode"], lines)
    session = _session(account, params, lines)
    changed_metadata(session, params)
    account.line_items[session["id"]] = lines
    account.requests[session["id"]] = params
    account.clock.schedule(session["expires_at"], lambda: _lapse(account, session))
    return account.sessions.add(session)


def _line(account: Account, params: Wire, name: str) -> Wire:
    if ("price" in params) == ("price_data" in params):
        raise missing_parameter(f"{name}[price]")
    quantity = params.get("quantity")
    if not quantity:
        raise invalid("Quantity is required and must be at least 1.", f"{name}[quantity]")
    if "price" in params:
        price = account.prices.get(params["price"], f"{name}[price]")
        if not price["active"]:
            message = "The price specified is inactive. This field only accepts active prices."
            raise invalid(message, f"{name}[price]")
    else:
        price = catalog.create_price(account, params["price_data"], f"{name}[price_data]")
        price["active"] = False
    amount = price["unit_amount"] * quantity
    return {
        "id": account.ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": account.products.get(price["product"])["name"],
        "metadata": dict(params.get("metadata", {})),
        "price": price,
        "quantity": quantity,
    }


def _session(account: Account, params: Wire, lines: list[Wire]) -> Wire:
    identifier = account.ids.new("cs_test")
    hosted = params.get("ui_mode", HOSTED) == HOSTED
    trial = any(each in params.get("subscription_data", {}) for each in _TRIAL)
    total = sum(
        line["amount_total"] for line in lines if not (trial and line["price"]["recurring"])
    )
    setup = params["mode"] == "setup"
    session = {
        "id": identifier,
        "object": "checkout.session",
        "amount_subtotal": None if setup else total,
        "amount_total": None if setup else total,
        "client_secret": None if hosted else client_secret(identifier),
        "created": account.now(),
        "currency": params.get("currency") if setup else lines[0]["currency"],
        "expires_at": params.get("expires_at", account.now() + MAX_EXPIRY_SECONDS),
        "livemode": False,
        "mode": params["mode"],
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "payment_status": "no_payment_required" if setup else "unpaid",
        "status": "open",
        "ui_mode": params.get("ui_mode", HOSTED),
        "url": f"{account.address}/pay/{identifier}" if hosted else None,
        **dict.fromkeys(_ALWAYS_NULL),
        **{name: params.get(name) for name in _AS_PASSED},
        "metadata": {},
        "payment_method_collection": params.get(
            "payment_method_collection", "if_required" if params["mode"] == "payment" else "always"
        ),
    }
    if params["mode"] == "payment" and "customer" not in params:
        session["customer_creation"] = params.get("customer_creation", "if_required")
    return session | _structures(params, hosted)


_TRIAL = ("trial_end", "trial_period_days")
_AS_PASSED = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "consent_collection",
    "customer",
    "customer_email",
    "locale",
    "origin_context",
    "saved_payment_method_options",
    "submit_type",
    "success_url",
)
_ALWAYS_NULL = (
    "after_expiration",
    "collected_information",
    "consent",
    "currency_conversion",
    "customer_creation",
    "customer_details",
    "discounts",
    "invoice",
    "payment_intent",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "subscription",
    "wallet_options",
)


def _structures(params: Wire, hosted: bool) -> Wire:
    tax = params.get("automatic_tax", {"enabled": False})
    texts = dict.fromkeys(
        ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    )
    found: Wire = {
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {
            "enabled": tax["enabled"],
            "liability": {"type": "self"} if tax["enabled"] else None,
            "provider": "stripe" if tax["enabled"] else None,
            "status": None,
        },
        "custom_fields": [],
        "custom_text": texts | params.get("custom_text", {}),
        "payment_method_options": params.get("payment_method_options", {}),
        "phone_number_collection": params.get("phone_number_collection", {"enabled": False}),
        "shipping_options": [],
        "tax_id_collection": {
            "enabled": False,
            "required": "never",
            **params.get("tax_id_collection", {}),
        },
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "invoice_creation": _invoice_creation(params),
    }
    if not hosted:
        found["redirect_on_completion"] = params.get("redirect_on_completion", "always")
        if "return_url" in params:
            found["return_url"] = params["return_url"]
    return found


def _invoice_creation(params: Wire) -> Wire | None:
    if params["mode"] != "payment":
        return None
    wanted = params.get("invoice_creation", {"enabled": False})
    data: Wire = {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": None,
        "metadata": {},
        "rendering_options": None,
    }
    return {"enabled": wanted["enabled"], "invoice_data": data | wanted.get("invoice_data", {})}


def expire(account: Account, session: Wire) -> Wire:
    """Cancels the payment that was attempted, too. Emits `payment_intent.canceled` and
    `checkout.session.expired`. Raises `StripeError` for one that is not open."""
    if session["status"] != "open":
        raise StripeError(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`."
        )
    session |= {"status": "expired", "url": None, "client_secret": None}
    intent = account.intents.find(account.session_intents.get(session["id"], ""))
    if intent is not None and intent["status"] in intents.PAYABLE:
        intents.end(account, intent, {"cancellation_reason": "expired"})
    account.events.emit("checkout.session.expired", session)
    return session


def _lapse(account: Account, session: Wire) -> None:
    if session["status"] == "open":
        expire(account, session)
