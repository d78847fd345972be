"""Operators' routes about purchases: read them, refund one, clear a fraud warning."""

import re
from collections.abc import Callable

from flask import Blueprint, Response

from service.admin.entities import Action
from service.admin.purchase_schemas import (
    PurchasePerformedSchema,
    PurchaseSchema,
    PurchasesSchema,
    RefundedSchema,
    RefundRequestSchema,
    SettledSchema,
    purchase_body,
)
from service.admin.purchases import (
    ALL,
    AMOUNT_CENTS,
    PAYMENT_ID,
    PurchaseActions,
    PurchasePerformed,
)
from service.admin.routes import action_of, change, performed_response, require_user_id
from service.admin.schemas import ActionSchema
from service.billing.entities import BillingNotConfigured, StripeRefused, StripeUnavailable
from service.billing.payments import Payments
from service.billing.purchases import (
    NothingToClear,
    PaymentBusy,
    Purchase,
    PurchaseDamaged,
    PurchaseNotFound,
    RefundRefused,
    RefundTooLarge,
)
from service.core.errors import FareboxError
from service.core.principal import Operator
from service.ledger.entities import (
    GrantConflict,
    TooManyWaiting,
    UserNotFound,
    WalletBusy,
    WalletFrozen,
)
from service.storage.secrets import SecretUnavailable
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_PAYMENT = re.compile(r"(pi|in)_[A-Za-z0-9_]{1,200}")
_PATH = "/admin/purchases/<payment_id>"
_REFUND = (
    "The money goes back to the buyer by Stripe. The credits follow from what Stripe says of the "
    "payment afterwards: the part that was refunded is clawed back, bonus included, and what was "
    "spent of it is debt that later credits pay. A refund that fails returns them."
)
_CLEAR = (
    "An early fraud warning counts as the loss of the whole payment for 120 days. Cleared, it does "
    "not, and the credits return. A later warning counts again."
)
_SETTLE = (
    "Queries Stripe, and grants, claws back or returns what follows, as every event of the payment "
    "does: safe at any time. Takes any payment intent or invoice that Stripe knows. Before it has "
    "brought anything, the action is in the log of the house; `purchase` stays null where there is "
    "nothing to grant."
)
_ERRORS: tuple[type[FareboxError], ...] = (
    PurchaseNotFound,
    PurchaseDamaged,
    PaymentBusy,
    BillingNotConfigured,
    StripeUnavailable,
    StripeRefused,
    SecretUnavailable,
    GrantConflict,
    UserNotFound,
    WalletFrozen,
    WalletBusy,
    TooManyWaiting,
)

Act = Callable[[Action, Purchase], PurchasePerformed]


def purchases_blueprint(actions: PurchaseActions, payments: Payments) -> Blueprint:
    blueprint = Blueprint("purchases", __name__)
    _add_reads(blueprint, actions, payments)
    _add_refund(blueprint, actions)
    _add_action(
        blueprint,
        "clear-warning",
        change(
            "Clear a fraud warning",
            "clearFraudWarning",
            _CLEAR,
            NothingToClear,
            *_ERRORS,
            response=PurchasePerformedSchema,
        ),
        actions,
        actions.clear_warning,
    )
    _add_settle(blueprint, actions)
    return blueprint


def _add_reads(blueprint: Blueprint, actions: PurchaseActions, payments: Payments) -> None:
    @blueprint.get(_PATH)
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Get a purchase",
            operation_id="getPurchase",
            description="As it was last settled. Stripe is not queried.",
            response=PurchaseSchema,
            errors=(PurchaseNotFound, PurchaseDamaged, StorageUnavailable),
        )
    )
    def get_purchase(operator: Operator, payment_id: str) -> Response:
        del operator
        return success(purchase_body(_found(actions, payment_id)))

    @blueprint.get("/admin/users/<user_id>/purchases")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List a user's purchases",
            operation_id="listUserPurchases",
            description="Newest first, at most 100. An unknown user has none.",
            response=PurchasesSchema,
            errors=(UserNotFound, PurchaseDamaged, StorageUnavailable),
        )
    )
    def get_user_purchases(operator: Operator, user_id: str) -> Response:
        del operator
        require_user_id(user_id)
        return success({"purchases": list(map(purchase_body, payments.of_user(user_id)))})


def _add_refund(blueprint: Blueprint, actions: PurchaseActions) -> None:
    schema = RefundRequestSchema()

    @blueprint.post(f"{_PATH}/refund")
    @endpoint(
        change(
            "Refund a purchase",
            "refundPurchase",
            _REFUND,
            RefundTooLarge,
            RefundRefused,
            *_ERRORS,
            body=RefundRequestSchema,
            response=RefundedSchema,
            example={"amountCents": 500, "reason": "Half of the videos were broken."},
        )
    )
    def post_refund(operator: Operator, payment_id: str) -> Response:
        body = read_body(schema)
        _require_payment_id(payment_id)
        purchase, cents = actions.find_paid_by(payment_id), body["amount_cents"]
        facts = {PAYMENT_ID: payment_id, AMOUNT_CENTS: ALL if cents is None else str(cents)}
        action = action_of(operator, "refund", purchase.user_id, body, facts=facts)
        done = actions.refund(action, purchase, payment_id, cents)
        return performed_response(
            done.performed, purchase=purchase_body(done.purchase), refundId=done.refund_id
        )


def _add_settle(blueprint: Blueprint, actions: PurchaseActions) -> None:
    schema = ActionSchema()

    @blueprint.post(f"{_PATH}/settle")
    @endpoint(
        change("Settle a payment", "settlePurchase", _SETTLE, *_ERRORS, response=SettledSchema)
    )
    def post_settle(operator: Operator, payment_id: str) -> Response:
        body = read_body(schema)
        _require_payment_id(payment_id)
        settled_id = actions.payment_of(payment_id)
        buyer, facts = actions.buyer_of(settled_id), {PAYMENT_ID: payment_id}
        action = action_of(operator, "settle-purchase", buyer, body, facts=facts)
        performed, purchase = actions.settle(action, settled_id)
        return performed_response(performed, purchase=purchase_body(purchase) if purchase else None)


def _add_action(
    blueprint: Blueprint, verb: str, declared: Endpoint, actions: PurchaseActions, act: Act
) -> None:
    schema = ActionSchema()

    @endpoint(declared)
    def post_action(operator: Operator, payment_id: str) -> Response:
        body = read_body(schema)
        purchase = _found(actions, payment_id)
        facts = {PAYMENT_ID: payment_id}
        action = action_of(operator, f"{verb}-purchase", purchase.user_id, body, facts=facts)
        done = act(action, purchase)
        return performed_response(done.performed, purchase=purchase_body(done.purchase))

    blueprint.add_url_rule(f"{_PATH}/{verb}", verb, post_action, methods=("POST",))


def _require_payment_id(payment_id: str) -> None:
    if not _PAYMENT.fullmatch(payment_id):
        raise PurchaseNotFound


def _found(actions: PurchaseActions, payment_id: str) -> Purchase:
    _require_payment_id(payment_id)
    return actions.find(payment_id)
