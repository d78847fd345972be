"""The customer portal: sessions, and what a customer does on its page
(https://docs.stripe.com/customer-management)."""

from devstack.simulators.stripe import customers, subscriptions
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import behavior
from devstack.simulators.stripe.errors import missing_parameter
from devstack.simulators.stripe.intents import live_customer
from devstack.simulators.stripe.payment_methods import attach
from devstack.simulators.stripe.payment_methods import create as new_method
from devstack.simulators.stripe.wire import Wire

CONFIGURATION = "bpc_local"


def create(account: Account, params: Wire) -> Wire:
    """A short-lived link to the portal. Raises `StripeError`."""
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = live_customer(account, params["customer"], "customer")
    flow = params.get("flow_data")
    if flow is not None:
        named = flow.get("subscription_cancel") or flow.get("subscription_update") or {}
        if "subscription" in named:
            account.subscriptions.get(named["subscription"], "flow_data")
    identifier = account.ids.new("bps")
    return account.portals.add(
        {
            "id": identifier,
            "object": "billing_portal.session",
            "configuration": params.get("configuration", CONFIGURATION),
            "created": account.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": None if flow is None else _flow(flow),
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": None,
            "return_url": params.get("return_url"),
            "url": f"{account.address}/portal/{identifier}",
        }
    )


def _flow(wanted: Wire) -> Wire:
    absent = dict.fromkeys(
        ("subscription_cancel", "subscription_update", "subscription_update_confirm")
    )
    after = wanted.get("after_completion", {"type": "portal_homepage"})
    return {
        **absent,
        **{name: wanted[name] for name in absent if name in wanted},
        "after_completion": {"hosted_confirmation": None, "redirect": None, **after},
        "type": wanted["type"],
    }


def set_card(account: Account, customer: Wire, number: str) -> Wire:
    """The customer enters a card: it becomes their default, and that of their subscriptions."""
    method = attach(account, new_method(account, behavior(number)), customer)
    settings = {"invoice_settings": {"default_payment_method": method["id"]}}
    customers.update(account, customer, settings)
    for subscription in account.subscriptions.where(customer=customer["id"]):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            params = {"default_payment_method": method["id"]}
            subscriptions.update(account, subscription, params)
    return method
