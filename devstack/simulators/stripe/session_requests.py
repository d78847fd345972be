"""The rules between the parameters of a new checkout session
(https://docs.stripe.com/api/checkout/sessions/create)."""

from devstack.simulators.stripe.errors import StripeError, invalid, missing_parameter
from devstack.simulators.stripe.intents import MIN_CENTS
from devstack.simulators.stripe.wire import Wire

MIN_EXPIRY_SECONDS, MAX_EXPIRY_SECONDS = 30 * 60, 24 * 3_600
# The clocks of the two sides differ a little.
_LEEWAY_SECONDS = 60
HOSTED, EMBEDDED, ELEMENTS = "hosted_page", "embedded_page", "elements"

_ONLY_IN = {
    "payment_intent_data": "payment",
    "invoice_creation": "payment",
    "submit_type": "payment",
    "subscription_data": "subscription",
    "setup_intent_data": "setup",
}


def check(params: Wire, now: int) -> None:
    """Raises `StripeError` for parameters that contradict each other."""
    mode = params.get("mode")
    if mode is None:
        raise missing_parameter("mode")
    for name, wanted in _ONLY_IN.items():
        if name in params and mode != wanted:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    if mode == "setup":
        _check_setup(params)
    elif not params.get("line_items"):
        raise missing_parameter("line_items")
    _check_customer(params, mode)
    _check_pages(params)
    _check_expiry(params, now)
    _check_trial(params.get("subscription_data", {}), now)


def _check_setup(params: Wire) -> None:
    if "line_items" in params:
        raise invalid("You can not pass `line_items` in `setup` mode.", "line_items")
    if "currency" not in params and "payment_method_types" not in params:
        raise missing_parameter("currency")


def _check_customer(params: Wire, mode: str) -> None:
    if "customer" in params and "customer_email" in params:
        raise invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer"
        )
    if "customer_creation" in params and (mode == "subscription" or "customer" in params):
        message = "`customer_creation` can only be used in `payment` mode without a customer."
        raise invalid(message, "customer_creation")
    if "customer_update" in params and "customer" not in params:
        raise invalid("`customer_update` can only be used with `customer`.", "customer_update")
    collects = params.get("tax_id_collection", {}).get("enabled")
    if collects and "customer" in params and "name" not in params.get("customer_update", {}):
        raise invalid(
            "Tax ID collection requires updating business name on the customer: set "
            "`customer_update[name]` to `auto`.",
            "customer_update[name]",
        )
    taxed = params.get("automatic_tax", {}).get("enabled")
    if taxed and "customer" in params and "address" not in params.get("customer_update", {}):
        raise StripeError(
            "Automatic tax calculation in Checkout requires a valid address on the Customer: set "
            "`customer_update[address]` to `auto`.",
            "customer_tax_location_invalid",
        )


def _check_pages(params: Wire) -> None:
    mode = params.get("ui_mode", HOSTED)
    if mode == HOSTED:
        unwanted, needed = ("return_url", "redirect_on_completion"), "success_url"
    else:
        unwanted, needed = ("success_url", "cancel_url"), "return_url"
    for name in unwanted:
        if name in params:
            raise invalid(f"`{name}` can not be used with `ui_mode` set to `{mode}`.", name)
    if mode != HOSTED and params.get("redirect_on_completion") == "never":
        if "return_url" in params:
            raise invalid(
                "`return_url` can not be used when `redirect_on_completion` is `never`.",
                "return_url",
            )
        return
    if needed not in params:
        raise missing_parameter(needed)


def _check_expiry(params: Wire, now: int) -> None:
    at = params.get("expires_at")
    if at is None:
        return
    if not (
        now + MIN_EXPIRY_SECONDS - _LEEWAY_SECONDS
        <= at
        <= now + MAX_EXPIRY_SECONDS + _LEEWAY_SECONDS
    ):
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
            "expires_at",
        )


def _check_trial(data: Wire, now: int) -> None:
    if "trial_end" in data and "trial_period_days" in data:
        raise invalid("Pass only one of trial_end and trial_period_days.", "subscription_data")
    if "trial_end" in data and data["trial_end"] < now + 48 * 3_600 - _LEEWAY_SECONDS:
        raise invalid(
            "The `trial_end` date has to be at least 2 days in the future.",
            "subscription_data[trial_end]",
        )


def check_lines(mode: str, lines: list[Wire]) -> None:
    """Raises `StripeError` for prices that do not fit the mode or each other, and for a total that
    is too small to be paid."""
    recurring = [line["price"]["recurring"] is not None for line in lines]
    if mode == "payment" and any(recurring):
        message = "You specified `payment` mode but passed a recurring price."
        raise invalid(message, "line_items[0][price]")
    if mode == "subscription" and not any(recurring):
        message = "You must provide at least one recurring price in `subscription` mode."
        raise invalid(message, "line_items[0][price]")
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All prices must have the same currency.", "line_items")
    total = sum(line["amount_total"] for line in lines)
    if mode == "payment" and total < MIN_CENTS:
        raise StripeError(
            "The Checkout Session's total amount must convert to at least 50 cents.",
            "amount_too_small",
        )
