"""The routes that sell: load, call one operation, dump."""

from typing import Any

from flask import Blueprint, Response

from service.billing.checkouts import Checkouts, NewOrder
from service.billing.entities import BillingNotConfigured, StripeRefused, StripeUnavailable
from service.billing.offers import Offers
from service.billing.order_entities import (
    AlreadySubscribed,
    OrderEnded,
    OrderKeyReused,
    OrderNotFound,
    OrderTerms,
    PackageNotFound,
    PlanNotFound,
    TooManyOpenOrders,
)
from service.billing.orders import Orders
from service.billing.portal import Portal
from service.billing.schemas import (
    UI_MODES,
    CheckoutRequestSchema,
    CheckoutSchema,
    OpenOrderSchema,
    OrderPageSchema,
    OrderQuerySchema,
    OrdersQuerySchema,
    PackagesSchema,
    PortalSchema,
    body_hash,
    checkout_body,
    open_order_body,
    order_body,
    package_body,
)
from service.core.principal import Principal
from service.ledger.entities import AccountClosing, AccountRequired, WalletBusy, WalletFrozen
from service.storage.cursor import PageTokenInvalid
from service.storage.secrets import SecretUnavailable
from service.storage.table import StorageUnavailable
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import (
    IDEMPOTENCY_HEADER,
    IdempotencyKeyMalformed,
    read_idempotency_key,
)
from service.web.responses import success

# A person buys once in a while; each costs a call to Stripe.
CHECKOUTS_PER_MINUTE = 20
ORDER_READS_PER_MINUTE = 120

_STRIPE_ERRORS = (BillingNotConfigured, SecretUnavailable, StripeUnavailable, StripeRefused)
_CHECKOUT = (
    "Stores an order and begins its payment at Stripe. Price and credits are those of the package "
    "or plan, never the client's. A repeated request with the same `Idempotency-Key` returns the "
    "same session. The credits come once the payment has: show `GET /stripe/orders/{id}` on the "
    "page to which Stripe returns the buyer."
)
_ORDER = (
    "Requests the state of the payment from Stripe, and grants what was paid before it responds: a "
    "buyer who returns never waits for an event. `orderId` may also be the `session_id` that "
    "Stripe adds to the address of your return page. With `wait`, responds when an open order ends "
    "or the time is up. Another user's order returns 404."
)


def packages_blueprint(offers: Offers) -> Blueprint:
    blueprint = Blueprint("packages", __name__)

    @blueprint.get("/credits/packages")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="List the packages of credits",
            operation_id="listPackages",
            description="What can be bought with `POST /stripe/checkout`, and for how much.",
            response=PackagesSchema,
            errors=(BillingNotConfigured,),
        )
    )
    def get_packages() -> Response:
        return success({"packages": [package_body(each) for each in offers.packages()]})

    return blueprint


def checkout_blueprint(checkouts: Checkouts, offers: Offers) -> Blueprint:
    blueprint = Blueprint("checkout", __name__)
    schema = CheckoutRequestSchema()

    @blueprint.post("/stripe/checkout")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Buy credits or a subscription",
            operation_id="createCheckout",
            description=_CHECKOUT,
            body=CheckoutRequestSchema,
            response=CheckoutSchema,
            caller_limit=CHECKOUTS_PER_MINUTE,
            errors=(
                *_STRIPE_ERRORS,
                IdempotencyKeyMalformed,
                OrderKeyReused,
                PackageNotFound,
                PlanNotFound,
                AlreadySubscribed,
                AccountRequired,
                AccountClosing,
                WalletFrozen,
                WalletBusy,
                TooManyOpenOrders,
                OrderEnded,
                StorageUnavailable,
            ),
            example={"packageId": "credits-500"},
            headers={
                IDEMPOTENCY_HEADER: "1 to 128 visible ASCII characters that name this purchase; "
                "use a UUID.",
            },
        )
    )
    def post_checkout(principal: Principal) -> Response:
        body, key = read_body(schema), read_idempotency_key()
        terms = _terms(offers, principal.subject, body)
        wanted = NewOrder(terms, key, body_hash(body))
        checkout = checkouts.begin(principal, wanted)
        return success(
            checkout_body(checkout.order, checkout.session, replayed=checkout.replayed),
            headers={"Location": f"/stripe/orders/{checkout.order.order_id}"},
        )

    return blueprint


def portal_blueprint(portal: Portal) -> Blueprint:
    blueprint = Blueprint("portal", __name__)

    @blueprint.post("/stripe/portal")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Open the page for cards, invoices and subscriptions",
            operation_id="openPortal",
            description="Stripe's own page, where a customer changes cards, reads invoices and "
            "cancels subscriptions. Takes no body.",
            response=PortalSchema,
            caller_limit=CHECKOUTS_PER_MINUTE,
            errors=(*_STRIPE_ERRORS, AccountRequired, AccountClosing, StorageUnavailable),
        )
    )
    def post_portal(principal: Principal) -> Response:
        return success({"url": portal.open(principal)})

    return blueprint


def _terms(offers: Offers, user_id: str, body: dict[str, Any]) -> OrderTerms:
    ui_mode = UI_MODES[body["ui_mode"]]
    if body["package_id"] is not None:
        saves = bool(body["save_payment_method"])
        return offers.package_terms(body["package_id"], ui_mode, saves_method=saves)
    return offers.plan_terms(user_id, body["price_id"], ui_mode)


def orders_blueprint(orders: Orders) -> Blueprint:
    blueprint = Blueprint("orders", __name__)
    page_schema, wait_schema = OrdersQuerySchema(), OrderQuerySchema()

    @blueprint.get("/stripe/orders")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="List your purchases, newest first",
            operation_id="listOrders",
            description="Every order of the signed-in user, as it was last known.",
            query=OrdersQuerySchema,
            response=OrderPageSchema,
            errors=(PageTokenInvalid, StorageUnavailable),
        )
    )
    def get_orders(principal: Principal) -> Response:
        query = read_query(page_schema)
        page = orders.page(principal.subject, query["limit"], query["next_token"])
        found = [order_body(each.order, each.returned_cents) for each in page.orders]
        return success({"orders": found, "nextToken": page.next_token})

    @blueprint.get("/stripe/orders/<order_id>")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get a purchase",
            operation_id="getOrder",
            description=_ORDER,
            query=OrderQuerySchema,
            response=OpenOrderSchema,
            caller_limit=ORDER_READS_PER_MINUTE,
            errors=(*_STRIPE_ERRORS, OrderNotFound, StorageUnavailable),
        )
    )
    def get_order(principal: Principal, order_id: str) -> Response:
        current = orders.get(principal.subject, order_id, read_query(wait_schema)["wait"])
        body = open_order_body(current.order, current.session, current.returned_cents)
        return success(body)

    return blueprint
