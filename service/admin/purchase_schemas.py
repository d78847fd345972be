"""What goes in and out of the operators' routes about purchases."""

from marshmallow import fields, validate

from service.admin.schemas import ActionSchema, PerformedSchema
from service.billing.purchases import Purchase
from service.core.amounts import credits_number
from service.core.clock import iso
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind
from service.web.schemas import IntegerInput, StrictSchema, credits_field

MAX_CENTS = 10**10


class RefundRequestSchema(ActionSchema):
    """How much goes back to the buyer."""

    amount_cents = IntegerInput(
        data_key="amountCents",
        load_default=None,
        validate=validate.Range(1, MAX_CENTS),
        metadata={
            "description": "In the currency's smallest unit; all that is left without it.",
            "example": 500,
        },
    )


class PurchaseSchema(StrictSchema):
    """A payment that credits were granted for, and what was taken back of them."""

    payment_id = fields.String(
        required=True,
        data_key="paymentId",
        metadata={"description": "The payment at Stripe.", "example": "pi_3OrPq2LkdIwHu7ix"},
    )
    user_id = fields.String(
        required=True,
        data_key="userId",
        metadata={"description": "Whose credits they are.", "example": "1084…"},
    )
    source = fields.Enum(
        GrantSource,
        by_value=True,
        required=True,
        metadata={"description": "What was paid for.", "example": "purchase"},
    )
    reference = fields.String(
        required=True,
        metadata={
            "description": "The order, the period of a subscription, or an invoice of its change.",
            "example": "ord_01kb7r3v6q8f2x0m4n5p6q7r8s",
        },
    )
    granted = credits_field("Everything the payment brought, any bonus included.", example=550)
    clawed_back = credits_field(
        "What was taken back of it, debt included.", example=0, data_key="clawedBack"
    )
    kind = fields.Enum(
        LotKind,
        by_value=True,
        required=True,
        metadata={"description": "The kind of the lot.", "example": "paid"},
    )
    lot_expires_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="lotExpiresAt",
        metadata={"description": "When the lot expires (UTC); null: never.", "example": None},
    )
    paid_cents = fields.Integer(
        required=True,
        data_key="paidCents",
        metadata={"description": "In the currency's smallest unit, taxes included."},
    )
    other_cents = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        data_key="otherCents",
        metadata={
            "description": "Of `paidCents`, what other payments of its invoice have paid, by id.",
            "example": {},
        },
    )
    currency = fields.String(
        required=True, metadata={"description": "Lower-case ISO 4217.", "example": "usd"}
    )
    refunded_cents = fields.Integer(
        required=True,
        data_key="refundedCents",
        metadata={"description": "Of refunds that have not failed."},
    )
    disputed_cents = fields.Integer(
        required=True,
        data_key="disputedCents",
        metadata={"description": "Withdrawn by disputes and not reinstated."},
    )
    moved_cents = fields.Integer(
        required=True,
        data_key="movedCents",
        metadata={"description": "Of its invoice, what was paid with credit of earlier payments."},
    )
    credited_cents = fields.Integer(
        required=True,
        data_key="creditedCents",
        metadata={"description": "Of its invoice, what was credited for unused time or by notes."},
    )
    unfunded_cents = fields.Integer(
        required=True,
        data_key="unfundedCents",
        metadata={"description": "Of `movedCents`, credit that no one has paid for."},
    )
    warned = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether an early fraud warning counts, as the loss of a whole payment."
        },
    )
    recheck_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="recheckAt",
        metadata={"description": "When the warning may count no more (UTC).", "example": None},
    )
    cleared_warnings = fields.List(
        fields.String(),
        required=True,
        data_key="clearedWarnings",
        metadata={"description": "Those that operators have set aside."},
    )
    granted_at = fields.DateTime(
        required=True, data_key="grantedAt", metadata={"description": "When (UTC)."}
    )
    settled_at = fields.DateTime(
        required=True,
        data_key="settledAt",
        metadata={"description": "When Stripe was last queried about it (UTC)."},
    )


class PurchasesSchema(StrictSchema):
    purchases = fields.List(
        fields.Nested(PurchaseSchema),
        required=True,
        metadata={"description": "The newest hundred, newest first."},
    )


class PurchasePerformedSchema(PerformedSchema):
    purchase = fields.Nested(
        PurchaseSchema, required=True, metadata={"description": "The purchase as it is now."}
    )


class SettledSchema(PerformedSchema):
    purchase = fields.Nested(
        PurchaseSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The purchase as it is now; null: the payment brought nothing."},
    )


class RefundedSchema(PurchasePerformedSchema):
    refund_id = fields.String(
        required=True,
        data_key="refundId",
        metadata={"description": "The refund at Stripe.", "example": "re_3OrPq2LkdIwHu7ix"},
    )


def purchase_body(purchase: Purchase) -> dict[str, object]:
    return {
        "paymentId": purchase.payment_id,
        "userId": purchase.user_id,
        "source": purchase.source.value,
        "reference": purchase.reference,
        "granted": credits_number(purchase.granted),
        "clawedBack": credits_number(purchase.clawed_back),
        "kind": purchase.kind.value,
        "lotExpiresAt": _time(purchase.lot_expires_at),
        "paidCents": purchase.paid_cents,
        "otherCents": dict(purchase.other_cents),
        "currency": purchase.currency,
        "refundedCents": purchase.refunded_cents,
        "disputedCents": purchase.disputed_cents,
        "movedCents": purchase.moved_cents,
        "creditedCents": purchase.credited_cents,
        "unfundedCents": purchase.unfunded_cents,
        "warned": purchase.warned,
        "recheckAt": _time(purchase.recheck_at),
        "clearedWarnings": list(purchase.cleared),
        "grantedAt": iso(purchase.at),
        "settledAt": iso(purchase.updated_at),
    }


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
