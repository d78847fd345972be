"""What comes into and goes out of the routes that sell."""

import hashlib
import json
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.billing.order_entities import (
    EXAMPLE_ORDER,
    Order,
    OrderTerms,
    Package,
    UiMode,
)
from service.billing.stripe_objects import CheckoutSession
from service.core.amounts import credits_number
from service.core.clock import iso
from service.web.schemas import Flag, StrictSchema, Text, WholeNumber, credits_field

MAX_ID = 100
MAX_WAIT_SECONDS = 20
ORDERS_A_PAGE, MAX_ORDERS_A_PAGE = 20, 100
UI_MODES = {"embedded": UiMode.EMBEDDED, "hosted": UiMode.HOSTED}


class ShownStatus(StrEnum):
    """An order's status with what became of its payment."""

    CREATED = "created"
    PENDING = "pending"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


def _whole(description: str, example: int, **options: Any) -> fields.Integer:
    about = {"description": description, "example": example}
    return fields.Integer(required=True, metadata=about, **options)


def _time(description: str, **options: Any) -> fields.DateTime:
    return fields.DateTime(required=True, metadata={"description": description}, **options)


class PackageSchema(StrictSchema):
    package_id = fields.String(
        required=True,
        data_key="packageId",
        metadata={"description": "What `POST /stripe/checkout` takes.", "example": "credits-500"},
    )
    name = fields.String(
        required=True, metadata={"description": "For people.", "example": "500 credits"}
    )
    credits = credits_field("What is paid for.", example=500)
    bonus_credits = credits_field("What comes on top.", example=25, data_key="bonusCredits")
    total_credits = credits_field("Both together.", example=525, data_key="totalCredits")
    amount_cents = _whole(
        "The price, in the currency's smallest unit.", 4490, data_key="amountCents"
    )
    currency = fields.String(
        required=True, metadata={"description": "ISO 4217, lower case.", "example": "usd"}
    )
    expires_after_days = fields.Integer(
        required=True,
        allow_none=True,
        data_key="expiresAfterDays",
        metadata={
            "description": "For how many days the credits are good; null: they never expire.",
            "example": None,
        },
    )


class PackagesSchema(StrictSchema):
    packages = fields.List(
        fields.Nested(PackageSchema),
        required=True,
        metadata={"description": "Everything that can be bought now."},
    )


class CheckoutRequestSchema(StrictSchema):
    package_id = Text(
        data_key="packageId",
        load_default=None,
        max_length=MAX_ID,
        metadata={
            "description": "A package of credits (`GET /credits/packages`).",
            "example": "credits-500",
        },
    )
    price_id = Text(
        data_key="priceId",
        load_default=None,
        max_length=MAX_ID,
        metadata={"description": "Stripe's price of a plan, for a subscription."},
    )
    ui_mode = fields.String(
        data_key="uiMode",
        load_default="embedded",
        validate=validate.OneOf(tuple(UI_MODES), error="Must be one of: {choices}."),
        metadata={
            "description": "`embedded`: pay in a frame of your page, by `clientSecret`; `hosted`: "
            "on Stripe's page, at `url`.",
            "example": "embedded",
        },
    )
    save_payment_method = Flag(
        data_key="savePaymentMethod",
        load_default=False,
        metadata={
            "description": "Keep the card for later purchases, which automatic top-up needs. Only "
            "with `packageId`.",
            "example": False,
        },
    )

    @validates_schema
    def one_product(self, data: dict[str, Any], **_: object) -> None:
        if (data["package_id"] is None) == (data["price_id"] is None):
            raise ValidationError("Send either packageId or priceId.", "packageId")
        if data["price_id"] is not None and data["save_payment_method"]:
            raise ValidationError("Is for packages only.", "savePaymentMethod")


class CheckoutSchema(StrictSchema):
    order_id = fields.String(
        required=True,
        data_key="orderId",
        metadata={"description": "`GET /stripe/orders/{id}`.", "example": EXAMPLE_ORDER},
    )
    session_id = fields.String(
        required=True,
        data_key="sessionId",
        metadata={"description": "Stripe's checkout session.", "example": "cs_test_a1b2c3"},
    )
    client_secret = fields.String(
        required=True,
        allow_none=True,
        data_key="clientSecret",
        metadata={
            "description": "For Stripe.js, `createEmbeddedCheckoutPage`; null for a hosted "
            "checkout, and once it is paid.",
            "example": "cs_test_a1b2c3_secret_d4e5f6",
        },
    )
    url = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Where the buyer pays; null for an embedded checkout, and once it is "
            "paid.",
            "example": None,
        },
    )
    replayed = fields.Boolean(
        required=True,
        metadata={
            "description": "True if an earlier request with this Idempotency-Key made the order.",
            "example": False,
        },
    )


class OrderSchema(StrictSchema):
    order_id = fields.String(
        required=True,
        data_key="orderId",
        metadata={"description": "The order.", "example": EXAMPLE_ORDER},
    )
    package_id = fields.String(
        required=True,
        allow_none=True,
        data_key="packageId",
        metadata={"description": "Null for a subscription.", "example": "credits-500"},
    )
    price_id = fields.String(
        required=True,
        allow_none=True,
        data_key="priceId",
        metadata={"description": "Null for a package.", "example": None},
    )
    name = fields.String(
        required=True, metadata={"description": "As it was ordered.", "example": "500 credits"}
    )
    credits = credits_field(
        "What it brings, bonus included; 0 for a subscription, whose invoices bring credits.",
        example=525,
    )
    bonus_credits = credits_field("What of it is bonus.", example=25, data_key="bonusCredits")
    amount_cents = _whole(
        "The price without taxes, in the currency's smallest unit.", 4490, data_key="amountCents"
    )
    currency = fields.String(
        required=True, metadata={"description": "ISO 4217, lower case.", "example": "usd"}
    )
    refunded_cents = _whole("What was paid back or is disputed.", 0, data_key="refundedCents")
    status = fields.Enum(
        ShownStatus,
        by_value=True,
        required=True,
        metadata={
            "description": "`paid`: the credits are in the wallet. `created` and `pending`: it can "
            "be paid, or a payment is on its way. `refunded`, `partially_refunded`: money went "
            "back or is disputed, and credits with it.",
            "example": "paid",
        },
    )
    session_id = fields.String(
        required=True,
        allow_none=True,
        data_key="sessionId",
        metadata={"description": "Stripe's checkout session.", "example": "cs_test_a1b2c3"},
    )
    created_at = _time("When it was ordered (UTC).", data_key="createdAt")
    completed_at = _time(
        "When it was paid, or ended unpaid (UTC); null while it is open.",
        data_key="completedAt",
        allow_none=True,
    )


class OpenOrderSchema(OrderSchema):
    client_secret = fields.String(
        required=True,
        allow_none=True,
        data_key="clientSecret",
        metadata={"description": "To go on with an open, embedded checkout.", "example": None},
    )
    url = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Where an open, hosted checkout goes on.", "example": None},
    )


class OrderPageSchema(StrictSchema):
    orders = fields.List(
        fields.Nested(OrderSchema), required=True, metadata={"description": "Newest first."}
    )
    next_token = fields.String(
        required=True,
        allow_none=True,
        data_key="nextToken",
        metadata={"description": "For the next page; null on the last one.", "example": None},
    )


class OrdersQuerySchema(StrictSchema):
    limit = WholeNumber(
        load_default=ORDERS_A_PAGE,
        validate=validate.Range(1, MAX_ORDERS_A_PAGE),
        metadata={"description": "Orders on one page.", "example": ORDERS_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=200,
        metadata={"description": "The `nextToken` of the page before."},
    )


class OrderQuerySchema(StrictSchema):
    wait = WholeNumber(
        load_default=0,
        validate=validate.Range(0, MAX_WAIT_SECONDS),
        metadata={
            "description": "Seconds to wait for the payment before responding (long poll).",
            "example": 10,
        },
    )


class PortalSchema(StrictSchema):
    url = fields.String(
        required=True,
        metadata={
            "description": "Stripe's page for cards, invoices and subscriptions; good for minutes.",
            "example": "https://billing.stripe.com/p/session/test_a1b2c3",
        },
    )


def package_body(package: Package) -> dict[str, object]:
    return {
        "packageId": package.package_id,
        "name": package.name,
        "credits": credits_number(package.credits),
        "bonusCredits": credits_number(package.bonus),
        "totalCredits": credits_number(package.total),
        "amountCents": package.amount_cents,
        "currency": package.currency,
        "expiresAfterDays": package.life_days,
    }


def checkout_body(order: Order, session: CheckoutSession, *, replayed: bool) -> dict[str, object]:
    return {
        "orderId": order.order_id,
        "sessionId": session.id,
        **_ways_to_pay(session),
        "replayed": replayed,
    }


def order_body(order: Order, returned_cents: int = 0) -> dict[str, object]:
    terms, completed_at = order.terms, order.completed_at
    return {
        "orderId": order.order_id,
        **_product(terms),
        "name": terms.name,
        "credits": credits_number(terms.total),
        "bonusCredits": credits_number(terms.bonus),
        "amountCents": terms.amount_cents,
        "currency": terms.currency,
        "refundedCents": returned_cents,
        "status": _shown(order, returned_cents).value,
        "sessionId": order.session_id or None,
        "createdAt": iso(order.created_at),
        "completedAt": None if completed_at is None else iso(completed_at),
    }


def open_order_body(
    order: Order, session: CheckoutSession | None, returned_cents: int
) -> dict[str, object]:
    ways = _ways_to_pay(session) if session else {"clientSecret": None, "url": None}
    return {**order_body(order, returned_cents), **ways}


def body_hash(body: dict[str, Any]) -> str:
    """Whether two requests under one key are the same."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _shown(order: Order, returned_cents: int) -> ShownStatus:
    if not returned_cents:
        return ShownStatus(order.status.value)
    # With taxes, more than our price can go back.
    whole = returned_cents >= order.terms.amount_cents
    return ShownStatus.REFUNDED if whole else ShownStatus.PARTIALLY_REFUNDED


def _product(terms: OrderTerms) -> dict[str, str | None]:
    is_package = terms.kind == "package"
    return {
        "packageId": terms.product_id if is_package else None,
        "priceId": None if is_package else terms.product_id,
    }


def _ways_to_pay(session: CheckoutSession) -> dict[str, str | None]:
    is_open = session.status == "open"
    return {
        "clientSecret": (session.client_secret or None) if is_open else None,
        "url": (session.url or None) if is_open else None,
    }
