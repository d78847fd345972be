"""What comes into and goes out of the routes of automatic top-up.

In a file of its own because those of orders are long."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.billing.order_entities import EXAMPLE_ORDER
from service.billing.schemas import MAX_ID
from service.billing.top_up_entities import (
    MAX_CAP_CENTS,
    Confirmation,
    OffReason,
    RestReason,
    TopUp,
)
from service.core.amounts import amount_of, credits_number
from service.web.schemas import CreditsInput, Flag, IntegerInput, StrictSchema, Text, credits_field

MAX_THRESHOLD = amount_of(1_000_000)


class TopUpRequestSchema(StrictSchema):
    enabled = Flag(
        required=True,
        metadata={"description": "Whether to buy by itself from now on.", "example": True},
    )
    package_id = Text(
        data_key="packageId",
        load_default=None,
        max_length=MAX_ID,
        metadata={
            "description": "What to buy; required to switch it on.",
            "example": "credits-500",
        },
    )
    threshold = CreditsInput(
        minimum=1,
        maximum=MAX_THRESHOLD,
        load_default=None,
        metadata={
            "description": "Buy when fewer credits are left; at least what the most expensive "
            "request holds. It also becomes the low balance of `/me/alerts`. Required to switch it "
            "on.",
            "example": 10,
        },
    )
    monthly_cap_cents = IntegerInput(
        data_key="monthlyCapCents",
        load_default=None,
        validate=validate.Range(1, MAX_CAP_CENTS, error="Must be from {min} to {max}."),
        metadata={
            "description": "What may be spent by itself in a calendar month (UTC). Required to "
            "switch it on.",
            "example": 20000,
        },
    )

    @validates_schema
    def complete(self, data: dict[str, Any], **_: object) -> None:
        if not data["enabled"]:
            return
        for name, key in _REQUIRED.items():
            if data[name] is None:
                raise ValidationError("Is required to switch it on.", key)


_REQUIRED = {
    "package_id": "packageId",
    "threshold": "threshold",
    "monthly_cap_cents": "monthlyCapCents",
}


class ConfirmationSchema(StrictSchema):
    order_id = fields.String(
        required=True,
        data_key="orderId",
        metadata={"description": "Whose payment it is.", "example": EXAMPLE_ORDER},
    )
    client_secret = fields.String(
        required=True,
        data_key="clientSecret",
        metadata={
            "description": "What Stripe.js confirms the payment with (`confirmCardPayment`).",
            "example": "pi_3Q…_secret_…",
        },
    )
    payment_method_id = fields.String(
        required=True,
        data_key="paymentMethodId",
        metadata={"description": "The saved payment method.", "example": "pm_1Q…"},
    )
    amount_cents = fields.Integer(
        required=True,
        data_key="amountCents",
        metadata={"description": "What will be paid.", "example": 4490},
    )
    currency = fields.String(
        required=True, metadata={"description": "In lower case.", "example": "usd"}
    )


class TopUpSchema(StrictSchema):
    enabled = fields.Boolean(
        required=True, metadata={"description": "Whether it buys by itself.", "example": True}
    )
    package_id = fields.String(
        required=True,
        allow_none=True,
        data_key="packageId",
        metadata={"description": "What it buys.", "example": "credits-500"},
    )
    threshold = credits_field("Below what balance it buys.", example=10, allow_none=True)
    monthly_cap_cents = fields.Integer(
        required=True,
        allow_none=True,
        data_key="monthlyCapCents",
        metadata={"description": "What it may spend in a month (UTC).", "example": 20000},
    )
    spent_cents = fields.Integer(
        required=True,
        data_key="spentCents",
        metadata={"description": "What it has spent this month.", "example": 4490},
    )
    order_id = fields.String(
        required=True,
        allow_none=True,
        data_key="orderId",
        metadata={"description": "The purchase under way.", "example": None},
    )
    failures = fields.Integer(
        required=True,
        metadata={"description": "Failures in a row; after three it is off.", "example": 0},
    )
    off_reason = fields.Enum(
        OffReason,
        by_value=True,
        required=True,
        allow_none=True,
        data_key="offReason",
        metadata={"description": "Why it has switched itself off.", "example": None},
    )
    rest_reason = fields.Enum(
        RestReason,
        by_value=True,
        required=True,
        allow_none=True,
        data_key="restReason",
        metadata={
            "description": "Why nothing was bought, though it is on, when credits last ran low or "
            "a request was refused. `dispute`: also one that was lost, for good, and an early "
            "fraud warning. `refund`: one of the last hour; a request that is refused buys.",
            "example": None,
        },
    )
    confirmation = fields.Nested(
        ConfirmationSchema,
        required=True,
        allow_none=True,
        metadata={
            "description": "The last payment, if the bank wants the user to confirm it: for 7 "
            "days, and until the next purchase begins. Null in the response to PUT.",
            "example": None,
        },
    )


def top_up_body(
    top_up: TopUp | None, month: str, confirmation: Confirmation | None = None
) -> dict[str, object]:
    return {**_chosen(top_up, month), "confirmation": _confirmation_body(confirmation)}


def _confirmation_body(confirmation: Confirmation | None) -> dict[str, object] | None:
    if confirmation is None:
        return None
    return {
        "orderId": confirmation.order_id,
        "clientSecret": confirmation.client_secret,
        "paymentMethodId": confirmation.payment_method_id,
        "amountCents": confirmation.amount_cents,
        "currency": confirmation.currency,
    }


def _chosen(top_up: TopUp | None, month: str) -> dict[str, object]:
    if top_up is None:
        return {
            **dict.fromkeys(("packageId", "threshold", "monthlyCapCents", "orderId")),
            **dict.fromkeys(("offReason", "restReason")),
            "enabled": False,
            "spentCents": 0,
            "failures": 0,
        }
    return {
        "enabled": top_up.enabled,
        "packageId": top_up.package_id,
        "threshold": credits_number(top_up.threshold),
        "monthlyCapCents": top_up.monthly_cap_cents,
        "spentCents": top_up.spent_in(month),
        "orderId": top_up.order_id or None,
        "failures": top_up.failures,
        "offReason": top_up.off_reason or None,
        "restReason": top_up.rest_reason or None,
    }
