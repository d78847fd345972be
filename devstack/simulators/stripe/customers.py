"""Customers (https://docs.stripe.com/api/customers)."""

from collections.abc import Callable

from devstack.simulators.stripe import customer_balance
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.payment_methods import attach, method_of
from devstack.simulators.stripe.wire import Wire

DEFAULT_CURRENCY = "usd"

CancelNow = Callable[[Account, Wire], object]

_PLAIN = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping")


def create(account: Account, params: Wire) -> Wire:
    """A new customer. Emits `customer.created`."""
    customer: Wire = {
        "id": account.ids.new("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": f"FB{len(account.customers):06d}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    account.customers.add(customer)
    if "payment_method" in params:
        attach(account, method_of(account, params["payment_method"], "payment_method"), customer)
    _change(account, customer, params)
    account.events.emit("customer.created", customer)
    return customer


def update(account: Account, customer: Wire, params: Wire) -> Wire:
    """Emits `customer.updated` with what changed."""
    before = {key: value for key, value in customer.items() if key in params}
    _change(account, customer, params)
    previous = {key: value for key, value in before.items() if customer[key] != value}
    account.events.emit("customer.updated", customer, previous)
    return customer


def _change(account: Account, customer: Wire, params: Wire) -> None:
    for name in _PLAIN:
        if name in params:
            customer[name] = params[name]
    if (difference := params.get("balance", customer["balance"]) - customer["balance"]) != 0:
        customer["currency"] = customer["currency"] or DEFAULT_CURRENCY
        customer_balance.change(
            account, customer, difference, "adjustment", currency=customer["currency"]
        )
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    for name, value in (params.get("invoice_settings") or {}).items():
        if name == "default_payment_method" and value is not None:
            method_of(account, value, "invoice_settings[default_payment_method]")
        customer["invoice_settings"] = {**customer["invoice_settings"], name: value}
    customer["metadata"] = dict(customer["metadata"])
    changed_metadata(customer, params)


def delete(account: Account, customer: Wire, cancel: CancelNow) -> Wire:
    """Cancels the customer's subscriptions at once, then deletes the customer for good. What they
    paid stays. Emits `customer.deleted`."""
    for subscription in account.subscriptions.where(customer=customer["id"]):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            cancel(account, subscription)
    for method in account.methods:
        if method["customer"] == customer["id"]:
            method["customer"] = None
    account.events.emit("customer.deleted", dict(customer))
    identifier = customer["id"]
    customer.clear()
    customer |= {"id": identifier, "object": "customer", "deleted": True}
    return customer
