"""Payment methods: cards with their fingerprint, and bank debits."""

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import DELAYED, TOKENS, Behavior, behavior
from devstack.simulators.stripe.errors import StripeError, missing_object
from devstack.simulators.stripe.ids import fingerprint
from devstack.simulators.stripe.wire import Wire

NO_DETAILS: Wire = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
_EXPIRES = {"exp_month": 12, "exp_year": 2034}


def create(account: Account, known: Behavior, details: Wire | None = None) -> Wire:
    """A payment method that no customer has yet. It behaves as `known` does."""
    method: Wire = {
        "id": account.ids.new("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {**NO_DETAILS, **(details or {})},
        "created": account.now(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": known.type,
        known.type: _card(known) if known.type == "card" else _bank(known),
    }
    account.behaviors[method["id"]] = known
    return account.methods.add(method)


def _card(known: Behavior) -> Wire:
    return {
        "brand": known.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": known.country,
        "display_brand": known.brand,
        **_EXPIRES,
        "fingerprint": fingerprint(known.number),
        "funding": "credit",
        "generated_from": None,
        "last4": known.number[-4:],
        "networks": {"available": [known.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank(known: Behavior) -> Wire:
    common: Wire = {"fingerprint": fingerprint(known.number), "last4": known.number[-4:]}
    if known.type == "sepa_debit":
        return common | {
            "bank_code": "37040044",
            "branch_code": "",
            "country": known.country,
            "generated_from": {"charge": None, "setup_attempt": None},
        }
    return common | {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": None,
    }


def details_of(method: Wire) -> Wire:
    """The `payment_method_details` of a charge with it."""
    kind = method["type"]
    known = method[kind]
    if kind != "card":
        names = ("bank_code", "branch_code", "country", "fingerprint", "last4")
        bank = ("account_holder_type", "account_type", "bank_name", "routing_number")
        kept = {name: known[name] for name in (*names, *bank) if name in known}
        extra = {"mandate": None} if kind == "sepa_debit" else {"payment_reference": None}
        return {"type": kind, kind: kept | extra}
    return {
        "type": "card",
        "card": {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": known["brand"],
            "checks": known["checks"],
            "country": known["country"],
            "exp_month": known["exp_month"],
            "exp_year": known["exp_year"],
            "fingerprint": known["fingerprint"],
            "funding": known["funding"],
            "installments": None,
            "last4": known["last4"],
            "mandate": None,
            "network": known["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "regulated_status": known["regulated_status"],
            "three_d_secure": None,
            "wallet": None,
        },
    }


def known_behavior(type_: str, number: str) -> Behavior:
    """How a card with that number, or a delayed method of that type, behaves."""
    return DELAYED[type_] if type_ in DELAYED else behavior(number)


def method_of(account: Account, identifier: str, param: str) -> Wire:
    """The payment method that a request names; one of Stripe's test names makes a new one. Raises
    `StripeError`."""
    if identifier in TOKENS:
        return create(account, behavior(TOKENS[identifier]))
    found = account.methods.find(identifier)
    if found is None:
        # Stripe writes the object's name without a space here.
        raise missing_object("PaymentMethod", identifier, param)
    return found


def attach(account: Account, method: Wire, customer: Wire) -> Wire:
    """Saves the method for the customer. Raises `StripeError` if another customer has it. Emits
    `payment_method.attached`."""
    if method["customer"] not in (None, customer["id"]):
        raise StripeError("The payment method is attached to another customer already.")
    if method["customer"] is None:
        method["customer"] = customer["id"]
        account.events.emit("payment_method.attached", method)
    return method


def detach(account: Account, method: Wire) -> Wire:
    """Removes the method from its customer. Raises `StripeError` if none has it. Emits
    `payment_method.detached`."""
    owner = method["customer"]
    if owner is None:
        raise StripeError("The payment method you provided is not attached to a customer.")
    method["customer"] = None
    customer = account.customers.find(owner)
    settings = (customer or {}).get("invoice_settings", {})
    if settings.get("default_payment_method") == method["id"]:
        settings["default_payment_method"] = None
    account.events.emit("payment_method.detached", method, {"customer": owner})
    return method
