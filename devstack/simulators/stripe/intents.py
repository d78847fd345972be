"""Payment intents and their life (https://docs.stripe.com/payments/paymentintents/lifecycle)."""

from devstack.simulators.stripe import aftermath, charges
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.cards import (
    ACTION,
    AUTHENTICATION,
    PROCESSING,
    SUCCEEDED,
    error_code,
)
from devstack.simulators.stripe.errors import (
    CARD_ERROR,
    StripeError,
    invalid,
    missing_object,
    missing_parameter,
    unexpected_state,
)
from devstack.simulators.stripe.ids import client_secret
from devstack.simulators.stripe.payment_methods import attach, method_of
from devstack.simulators.stripe.wire import Wire

PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
MIN_CENTS = 50


def create(account: Account, params: Wire) -> Wire:
    """A payment intent of a request, confirmed at once where `confirm` says so. Raises
    `StripeError`; 402 with the intent inside when the payment was declined."""
    if params["amount"] < MIN_CENTS:
        raise invalid("Amount must be at least $0.50 usd", "amount", "amount_too_small")
    check_capture(params)
    if "customer" in params:
        live_customer(account, params["customer"], "customer")
    if "off_session" in params and not params.get("confirm"):
        raise invalid("off_session can only be used with confirm=true.", "off_session")
    if params.get("confirm"):
        check_return(params)
    intent = new(account, params["amount"], params["currency"], params)
    if "payment_method" in params:
        method = method_of(account, params["payment_method"], "payment_method")
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    if params.get("confirm"):
        return confirm(account, intent, params)
    return intent


def live_customer(account: Account, identifier: str, param: str | None = None) -> Wire:
    """Raises `StripeError` also for a customer who was deleted."""
    customer = account.customers.get(identifier, param)
    if customer.get("deleted"):
        raise missing_object("customer", identifier, param)
    return customer


def check_return(params: Wire) -> None:
    """A payment by the methods of the dashboard, which is the default, needs an address for those
    that redirect, whichever method it is paid with. Raises `StripeError`."""
    methods = params.get("automatic_payment_methods", {"enabled": True})
    redirects = methods["enabled"] and methods.get("allow_redirects") != "never"
    if redirects and not {"payment_method_types", "return_url"} & params.keys():
        raise invalid("A return_url must be given: a payment method may redirect.", "return_url")


def check_capture(params: Wire) -> None:
    """Raises `StripeError` for what this simulator cannot do."""
    if params.get("capture_method") == "manual":
        raise invalid("This simulator captures payments at once.", "capture_method")


def new(account: Account, amount: int, currency: str, params: Wire) -> Wire:
    """Emits `payment_intent.created`."""
    identifier = account.ids.new("pi")
    intent: Wire = {
        "id": identifier,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": params.get("automatic_payment_methods"),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": client_secret(identifier),
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": account.now(),
        "currency": currency,
        "customer": params.get("customer"),
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": params.get("transfer_group"),
    }
    changed_metadata(intent, params)
    account.events.emit("payment_intent.created", account.intents.add(intent))
    return intent


def confirm(account: Account, intent: Wire, params: Wire) -> Wire:
    """Attempts the payment. Raises `StripeError`: 402 when it was declined."""
    if intent["status"] not in PAYABLE:
        raise _wrong_state(intent, "confirm")
    identifier = params.get("payment_method") or intent["payment_method"]
    if identifier is None:
        raise missing_parameter("payment_method")
    method = method_of(account, identifier, "payment_method")
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid(
            "The payment method belongs to another customer; pass that customer.", "payment_method"
        )
    off_session = bool(params.get("off_session"))
    if "setup_future_usage" in params:
        intent["setup_future_usage"] = params["setup_future_usage"]
    attempt(account, intent, method, off_session=off_session)
    if params.get("error_on_requires_action") and intent["status"] == ACTION:
        decline(account, intent, method, AUTHENTICATION)
    if intent["last_payment_error"] is not None:
        raise declined(intent)
    return intent


def attempt(
    account: Account,
    intent: Wire,
    method: Wire,
    *,
    off_session: bool = False,
    outcome: str | None = None,
) -> str:
    """One attempt: with the outcome given, else a planned one, else as the method behaves.
    Returns the intent's status. Emits what Stripe emits."""
    known = account.behaviors[method["id"]]
    usual = known.off_session if off_session else known.on_session
    chosen = outcome or account.planned_outcome(intent["customer"]) or usual
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    if chosen == ACTION and off_session:
        chosen = AUTHENTICATION
    if chosen == ACTION:
        _require_action(account, intent)
    elif chosen == PROCESSING:
        _process(account, intent, method)
    elif chosen == SUCCEEDED:
        _succeed(account, intent, charges.create(account, intent, method, SUCCEEDED))
    else:
        decline(account, intent, method, chosen)
    return str(intent["status"])


def _require_action(account: Account, intent: Wire) -> None:
    intent |= {
        "status": "requires_action",
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": None,
                "url": f"{account.address}/authenticate/{intent['id']}",
            },
        },
    }
    account.events.emit("payment_intent.requires_action", intent)


def _process(account: Account, intent: Wire, method: Wire) -> None:
    charge = charges.create(account, intent, method, PROCESSING)
    intent |= {
        "status": "processing",
        "latest_charge": charge["id"],
        "processing": None if method["type"] != "card" else {"type": "card"},
    }
    account.events.emit("payment_intent.processing", intent)
    due = account.now() + account.policy.processing_seconds
    account.clock.schedule(due, lambda: settle(account, intent, SUCCEEDED))


def settle(account: Account, intent: Wire, outcome: str) -> None:
    """Ends a payment that is processing: `succeeded`, or a decline code. Does nothing to one that
    has ended."""
    if intent["status"] != "processing":
        return
    charge = account.charges.get(intent["latest_charge"])
    charges.settle(account, charge, outcome)
    intent["processing"] = None
    if outcome == SUCCEEDED:
        _succeed(account, intent, charge)
    else:
        _fail(account, intent, account.methods.get(intent["payment_method"]), charge, outcome)
    _report_end(account, intent)


def _report_end(account: Account, intent: Wire) -> None:
    for ended in account.watchers.pop(intent["id"], ()):
        ended(intent)


def _succeed(account: Account, intent: Wire, charge: Wire) -> None:
    method = account.methods.get(charge["payment_method"])
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
    }
    if intent["setup_future_usage"] and intent["customer"]:
        attach(account, method, account.customers.get(intent["customer"]))
    account.events.emit("payment_intent.succeeded", intent)
    aftermath.follow(account, charge, account.behaviors[method["id"]])


def decline(account: Account, intent: Wire, method: Wire, code: str) -> None:
    """A failed attempt. Emits `charge.failed` and `payment_intent.payment_failed`."""
    charge = charges.create(account, intent, method, code)
    _fail(account, intent, method, charge, code)


def _fail(account: Account, intent: Wire, method: Wire, charge: Wire, code: str) -> None:
    error = {
        "type": CARD_ERROR,
        "code": error_code(code),
        "decline_code": code,
        "message": charges.message(code),
        "charge": charge["id"],
        "doc_url": f"https://stripe.com/docs/error-codes/{error_code(code).replace('_', '-')}",
        "payment_method": dict(method),
    }
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error,
        "latest_charge": charge["id"],
        "next_action": None,
    }
    account.events.emit("payment_intent.payment_failed", intent)


def declined(intent: Wire) -> StripeError:
    """402 with the error of the last attempt and the intent."""
    error = intent["last_payment_error"]
    more = {key: value for key, value in error.items() if key not in ("message", "code", "type")}
    return StripeError(
        error["message"],
        error["code"],
        status=402,
        type_=CARD_ERROR,
        more={**more, "payment_intent": dict(intent)},
    )


def authenticate(account: Account, intent: Wire, *, passed: bool) -> None:
    """The payer passed the strong authentication, or failed it."""
    if intent["status"] != ACTION:
        raise _wrong_state(intent, "authenticate")
    method = account.methods.get(intent["payment_method"])
    attempt(account, intent, method, outcome=SUCCEEDED if passed else AUTHENTICATION)
    _report_end(account, intent)


def respond_to_bank(account: Account, intent: Wire, method_id: str, *, passed: bool) -> None:
    """The payer confirms a payment with a saved method, whose bank wants to know whether it is
    them. Raises `StripeError` for a payment that cannot be confirmed."""
    if intent["status"] == ACTION:
        authenticate(account, intent, passed=passed)
        return
    if intent["status"] not in PAYABLE:
        raise _wrong_state(intent, "confirm")
    method = method_of(account, method_id, "payment_method")
    if method["customer"] != intent["customer"]:
        raise invalid("The payment method belongs to another customer.", "payment_method")
    attempt(account, intent, method, outcome=SUCCEEDED if passed else AUTHENTICATION)


def cancel(account: Account, intent: Wire, params: Wire) -> Wire:
    """Raises `StripeError` where it cannot be canceled: a checkout's ends with its session."""
    if intent["status"] not in PAYABLE:
        raise _wrong_state(intent, "cancel")
    if intent["id"] in account.session_intents.values():
        raise StripeError(
            "You cannot cancel PaymentIntents created by Checkout Sessions. Expire the session "
            "instead.",
            "payment_intent_unexpected_state",
        )
    return end(account, intent, params)


def end(account: Account, intent: Wire, params: Wire) -> Wire:
    """Emits `payment_intent.canceled`."""
    intent |= {
        "status": "canceled",
        "canceled_at": account.now(),
        "cancellation_reason": params.get("cancellation_reason"),
        "next_action": None,
    }
    account.events.emit("payment_intent.canceled", intent)
    return intent


def update(account: Account, intent: Wire, params: Wire) -> Wire:
    """Raises `StripeError` for an amount that can no longer change."""
    if "amount" in params and intent["status"] not in PAYABLE:
        raise _wrong_state(intent, "update the amount of")
    if "payment_method" in params:
        method = method_of(account, params["payment_method"], "payment_method")
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    intent |= {
        name: params[name] for name in ("amount", "description", "receipt_email") if name in params
    }
    changed_metadata(intent, params)
    return intent


def _wrong_state(intent: Wire, verb: str) -> StripeError:
    return unexpected_state(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        "payment_intent_unexpected_state",
        payment_intent=dict(intent),
    )
