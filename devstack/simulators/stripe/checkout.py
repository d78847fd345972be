"""How a checkout session is paid: what the payer does on the page, and what follows."""

from dataclasses import dataclass, field

from devstack.simulators.stripe import (
    customer_balance,
    customers,
    intents,
    payment_methods,
    setup_intents,
    subscriptions,
)
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import Behavior
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.invoices import manual_invoice
from devstack.simulators.stripe.payment_methods import attach
from devstack.simulators.stripe.wire import Wire


@dataclass(frozen=True)
class Payer:
    """Who pays with what. `outcome` wins over how the method behaves."""

    behavior: Behavior
    details: Wire = field(default_factory=dict)
    outcome: str | None = None


def pay(account: Account, session: Wire, payer: Payer) -> Wire:
    """One attempt on the page. A declined one leaves the session open. Raises `StripeError` for a
    session that is not open, or whose customer was deleted."""
    if session["status"] != "open":
        raise StripeError(f"The checkout session is {session['status']}.")
    if session["customer"] is not None:
        intents.live_customer(account, session["customer"], "customer")
    if session["automatic_tax"]["enabled"] and session["mode"] == "payment":
        _tax(account, session)
    details = {**_known_details(account, session), **payer.details}
    method = payment_methods.create(account, payer.behavior, details)
    if session["mode"] == "setup":
        _set_up(account, session, method, payer)
        return session
    if _left_to_pay(account, session) == 0:
        _ensure_customer(account, session)
        _subscribe(account, session, method, None)
        return session
    intent = _intent_of(account, session)
    status = intents.attempt(account, intent, method, outcome=payer.outcome)
    if status == "requires_action":
        account.watch(intent, lambda ended: _after_action(account, session, ended))
    elif status in ("succeeded", "processing"):
        _finish(account, session, intent)
    return session


def _tax(account: Account, session: Wire) -> None:
    """Adds the policy's tax once the payer has said where they live. Only payments have taxes
    here."""
    if session["automatic_tax"]["status"] == "complete":
        return
    session["automatic_tax"] = {**session["automatic_tax"], "status": "complete"}
    for line in account.line_items[session["id"]]:
        line["amount_tax"] = (line["amount_subtotal"] * account.policy.tax_percent + 50) // 100
        line["amount_total"] = line["amount_subtotal"] + line["amount_tax"]
        session["amount_total"] += line["amount_tax"]
        taxes = session["total_details"]["amount_tax"] + line["amount_tax"]
        session["total_details"] = {**session["total_details"], "amount_tax": taxes}


def _known_details(account: Account, session: Wire) -> Wire:
    customer = account.customers.find(session["customer"] or "") or {}
    email = session["customer_email"] or customer.get("email")
    return {"email": email, "name": customer.get("name")}


def _set_up(account: Account, session: Wire, method: Wire, payer: Payer) -> None:
    """Saves the method for later payments."""
    _ensure_customer(account, session)
    if session["setup_intent"] is None:
        data = account.requests[session["id"]].get("setup_intent_data", {})
        session["setup_intent"] = setup_intents.new(account, session, data)["id"]
    intent = account.setups.get(session["setup_intent"])
    if setup_intents.attempt(account, intent, method, payer.outcome):
        _complete(account, session, method, paid=True, free=True)


def _intent_of(account: Account, session: Wire) -> Wire:
    """The session's payment intent. It is made with the first attempt and kept by the next."""
    known = account.session_intents.get(session["id"])
    if known is not None:
        return account.intents.get(known)
    params = dict(account.requests[session["id"]].get("payment_intent_data", {}))
    if session["mode"] == "subscription":
        params = {"description": "Subscription creation", "setup_future_usage": "off_session"}
    if (
        session["mode"] == "subscription"
        or session["customer_creation"] == "always"
        or "setup_future_usage" in params
    ):
        _ensure_customer(account, session)
    params |= {
        "payment_method_types": session["payment_method_types"],
        "customer": session["customer"],
    }
    intent = intents.new(account, _left_to_pay(account, session), session["currency"], params)
    account.session_intents[session["id"]] = intent["id"]
    if session["mode"] == "payment":
        session["payment_intent"] = intent["id"]
    return intent


def _left_to_pay(account: Account, session: Wire) -> int:
    """A subscription's first invoice uses the customer's balance; the receipt of a payment does
    not."""
    customer = account.customers.find(session["customer"] or "")
    total = int(session["amount_total"])
    if session["mode"] != "subscription" or customer is None or not total:
        return total
    return customer_balance.left_to_pay(customer, total)[0]


def _ensure_customer(account: Account, session: Wire) -> None:
    if session["customer"] is None:
        email = session["customer_email"]
        params = {} if email is None else {"email": email}
        session["customer"] = customers.create(account, params)["id"]


def _after_action(account: Account, session: Wire, intent: Wire) -> None:
    """Who was deleted meanwhile has paid, and is subscribed to nothing."""
    customer = account.customers.find(session["customer"] or "") or {}
    begins_nothing = session["mode"] == "subscription" and customer.get("deleted", False)
    if intent["status"] == "succeeded" and session["status"] == "open" and not begins_nothing:
        _finish(account, session, intent)


def _finish(account: Account, session: Wire, intent: Wire) -> None:
    """The payment has succeeded, or is under way."""
    method = account.methods.get(intent["payment_method"])
    if session["mode"] == "subscription":
        _subscribe(account, session, method, intent)
    else:
        if session["invoice_creation"]["enabled"]:
            lines = account.line_items[session["id"]]
            session["invoice"] = manual_invoice(account, session, lines, intent)["id"]
        _complete(account, session, method, paid=intent["status"] == "succeeded")
    if intent["status"] != "succeeded":
        account.watch(intent, lambda ended: _after_delay(account, session, ended))


def _subscribe(account: Account, session: Wire, method: Wire, intent: Wire | None) -> None:
    """The subscription is only created once its first payment succeeds or is under way; a trial
    costs nothing."""
    attach(account, method, account.customers.get(session["customer"]))
    subscription = subscriptions.begin(account, session, method, intent)
    session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    paid = intent is None or intent["status"] == "succeeded"
    _complete(account, session, method, paid=paid, free=intent is None)


def _after_delay(account: Account, session: Wire, intent: Wire) -> None:
    """Emits `checkout.session.async_payment_succeeded` or `…_failed`."""
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
        account.events.emit("checkout.session.async_payment_succeeded", session)
    else:
        account.events.emit("checkout.session.async_payment_failed", session)


def _complete(
    account: Account, session: Wire, method: Wire, *, paid: bool, free: bool = False
) -> None:
    details = method["billing_details"]
    session |= {
        "status": "complete",
        "payment_status": "no_payment_required" if free else "paid" if paid else "unpaid",
        "url": None,
        "client_secret": None,
        "customer_details": {
            "address": details["address"],
            "business_name": None,
            "email": details["email"],
            "individual_name": None,
            "name": details["name"],
            "phone": details["phone"],
            "tax_exempt": "none",
            "tax_ids": [],
        },
    }
    account.events.emit("checkout.session.completed", session)
