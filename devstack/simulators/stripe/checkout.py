"""How a checkout session is paid: what the payer does on the page, and what follows."""

from dataclasses import dataclass, field

from devstack.simulators.stripe import customers, intents, payment_methods
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import Behavior
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.wire import Wire


@dataclass(frozen=True)
class Payer:
    """Who pays with what. `outcome` wins over how the method behaves."""

    behavior: Behavior
    details: Wire = field(default_factory=dict)
    outcome: str | None = None


def pay(account: Account, session: Wire, payer: Payer) -> Wire:
    """One attempt on the page. A declined one leaves the session open. Raises `StripeError` for a
    session that is not open."""
    if session["status"] != "open":
        raise StripeError(f"The checkout session is {session['status']}.")
    details = {**_known_details(account, session), **payer.details}
    if session["mode"] != "payment":
        raise StripeError("This simulator completes payments only.")
    method = payment_methods.create(account, payer.behavior, details)
    _pay_once(account, session, method, payer)
    return session


def _known_details(account: Account, session: Wire) -> Wire:
    customer = account.customers.find(session["customer"] or "") or {}
    email = session["customer_email"] or customer.get("email")
    return {"email": email, "name": customer.get("name")}


def _pay_once(account: Account, session: Wire, method: Wire, payer: Payer) -> None:
    intent = _intent_of(account, session)
    status = intents.attempt(account, intent, method, outcome=payer.outcome)
    if status == "requires_action":
        account.watchers[intent["id"]] = lambda ended: _after_action(account, session, ended)
    elif status in ("succeeded", "processing"):
        _complete_payment(account, session, intent)


def _intent_of(account: Account, session: Wire) -> Wire:
    """The session's payment intent. It is made with the first attempt and kept by the next."""
    if session["payment_intent"] is not None:
        return account.intents.get(session["payment_intent"])
    data = account.requests[session["id"]].get("payment_intent_data", {})
    if session["customer"] is None and (
        session["customer_creation"] == "always" or "setup_future_usage" in data
    ):
        session["customer"] = customers.create(account, _email(session))["id"]
    types = {"payment_method_types": session["payment_method_types"]}
    params = {**data, **types, "customer": session["customer"]}
    intent = intents.new(account, session["amount_total"], session["currency"], params)
    session["payment_intent"] = intent["id"]
    return intent


def _email(session: Wire) -> Wire:
    email = session["customer_email"]
    return {} if email is None else {"email": email}


def _after_action(account: Account, session: Wire, intent: Wire) -> None:
    if intent["status"] == "succeeded" and session["status"] == "open":
        _complete_payment(account, session, intent)


def _complete_payment(account: Account, session: Wire, intent: Wire) -> None:
    paid = intent["status"] == "succeeded"
    _complete(account, session, account.methods.get(intent["payment_method"]), paid=paid)
    if not paid:
        account.watchers[intent["id"]] = lambda ended: _after_delay(account, session, ended)


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
