"""Setup intents: a payment method is saved without a payment
(https://docs.stripe.com/payments/save-and-reuse). Made by checkouts in setup mode alone."""

from devstack.simulators.stripe import charges
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.cards import ACTION, PROCESSING, SUCCEEDED, error_code
from devstack.simulators.stripe.errors import CARD_ERROR
from devstack.simulators.stripe.ids import client_secret
from devstack.simulators.stripe.payment_methods import attach
from devstack.simulators.stripe.wire import Wire


def new(account: Account, session: Wire, data: Wire) -> Wire:
    """Emits `setup_intent.created`."""
    identifier = account.ids.new("seti")
    intent: Wire = {
        "id": identifier,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": client_secret(identifier),
        "created": account.now(),
        "customer": session["customer"],
        "description": data.get("description"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": session["payment_method_types"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
    changed_metadata(intent, data)
    account.events.emit("setup_intent.created", account.setups.add(intent))
    return intent


def attempt(account: Account, intent: Wire, method: Wire, outcome: str | None) -> bool:
    """Returns whether the method was saved. Emits `setup_intent.succeeded`, with the method
    attached, or `setup_intent.setup_failed`. The bank's question counts as passed."""
    chosen = outcome or account.behaviors[method["id"]].on_session
    if chosen in (SUCCEEDED, ACTION, PROCESSING):
        intent |= {"status": "succeeded", "payment_method": method["id"], "last_setup_error": None}
        attach(account, method, account.customers.get(intent["customer"]))
        account.events.emit("setup_intent.succeeded", intent)
        return True
    intent["last_setup_error"] = {
        "type": CARD_ERROR,
        "code": error_code(chosen),
        "decline_code": chosen,
        "message": charges.message(chosen),
        "payment_method": dict(method),
    }
    account.events.emit("setup_intent.setup_failed", intent)
    return False
