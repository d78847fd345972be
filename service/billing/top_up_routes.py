"""The routes of automatic top-up: load, call one operation, dump.

In a file of its own because they need neither a checkout nor an order."""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, g

from service.billing.entities import BillingNotConfigured, StripeRefused, StripeUnavailable
from service.billing.order_entities import PackageNotFound
from service.billing.top_up_entities import (
    PaymentMethodRequired,
    TopUpBusy,
    TopUpCapTooLow,
    TopUpTooLow,
    month_of,
)
from service.billing.top_up_schemas import TopUpRequestSchema, TopUpSchema, top_up_body
from service.billing.top_up_sweeps import TopUpTriggers
from service.billing.top_ups import TopUps
from service.catalog.entities import PricesUnavailable
from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.principal import Principal
from service.ledger.entities import AccountClosing, AccountRequired, UserNotFound, WalletFrozen
from service.storage.secrets import SecretUnavailable
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

CHANGES_PER_MINUTE = 20
_GET = (
    "What was chosen, what has been spent this month, and the payment that the user's bank wants "
    "confirmed. One that has been confirmed is settled before this responds."
)
_PUT = (
    "Off by default. Switched on, the package is bought with the user's saved payment method when "
    "the balance falls below the threshold and when a request, but not one of a minted session, is "
    "refused for lack of credits: one purchase at a time, one in an hour, never beyond the monthly "
    "cap, and not while the user owes credits or a payment is disputed. Within an hour of a refund "
    "a low balance alone buys nothing. After three failures in a row it switches itself off. Each "
    "failure is a `top_up.failed` webhook; with `actionRequired` the bank wants its customer, who "
    "confirms the payment at `url` (`confirmation` of GET)."
)


_GET_ERRORS = (
    *(BillingNotConfigured, SecretUnavailable, StripeUnavailable, StripeRefused),
    StorageUnavailable,
)
_PUT_ERRORS = (
    *(BillingNotConfigured, SecretUnavailable, StripeUnavailable, StripeRefused),
    *(PackageNotFound, TopUpTooLow, TopUpCapTooLow, PaymentMethodRequired, TopUpBusy),
    *(AccountRequired, AccountClosing, WalletFrozen, UserNotFound),
    *(PricesUnavailable, StorageUnavailable),
)


def top_up_blueprint(top_ups: TopUps, clock: Clock, max_hold: Callable[[], Amount]) -> Blueprint:
    """`max_hold` returns what the most expensive request holds now."""
    blueprint = Blueprint("top_up", __name__)
    schema = TopUpRequestSchema()

    @blueprint.get("/me/top-up")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get your automatic top-up",
            operation_id="getTopUp",
            description=_GET,
            response=TopUpSchema,
            errors=_GET_ERRORS,
        )
    )
    def get_top_up(principal: Principal) -> Response:
        found = top_ups.read(principal.subject)
        confirmation = top_ups.confirmation(found)
        return success(top_up_body(found, month_of(clock.now()), confirmation))

    @blueprint.put("/me/top-up")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Set your automatic top-up",
            operation_id="setTopUp",
            description=_PUT,
            body=TopUpRequestSchema,
            response=TopUpSchema,
            caller_limit=CHANGES_PER_MINUTE,
            errors=_PUT_ERRORS,
            example={"enabled": False},
        )
    )
    def put_top_up(principal: Principal) -> Response:
        body = read_body(schema)
        if not body["enabled"]:
            found = top_ups.disable(principal.subject)
        else:
            found = top_ups.enable(
                principal.subject,
                body["package_id"],
                body["threshold"],
                body["monthly_cap_cents"],
                max_hold(),
            )
        return success(top_up_body(found, month_of(clock.now())))

    return blueprint


def buy_after_refusals(app: Flask, triggers: TopUpTriggers) -> None:
    """Has requests that are refused for lack of credits reported, once their response is made. One
    of a minted session is none: its ceiling may refuse it, and it is the back end that sent it."""

    def report(response: Response) -> Response:
        principal, code = g.get("principal"), g.get("error_code")
        if code and principal is not None and principal.minted is None:
            triggers.refused(principal.subject, code)
        return response

    app.after_request(report)
