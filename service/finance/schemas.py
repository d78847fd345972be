"""What goes in and out of `GET /admin/finance`."""

from typing import Any

from marshmallow import fields

from service.finance.entities import Mismatch, Month
from service.web.schemas import StrictSchema, credits_field

_USD = "usd"
_MICROS = "By currency, in millionths of its unit: 1,000,000 is one dollar, not one cent."


class _MonthField(fields.String):
    """A month as in `2026-11`, loaded as `Month`."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "invalid": "Must be a month, as in 2026-11.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        del attr, data, options
        try:
            return Month.from_text(str(value))
        except ValueError:
            raise self.make_error("invalid") from None


class FinanceQuerySchema(StrictSchema):
    month = _MonthField(required=True, metadata={"description": "In UTC.", "example": "2026-11"})


def _cents(data_key: str, description: str, example: int) -> fields.Integer:
    metadata = {"description": description, "example": example}
    return fields.Integer(required=True, data_key=data_key, metadata=metadata)


def _text(data_key: str, description: str, example: str) -> fields.String:
    metadata = {"description": description, "example": example}
    return fields.String(required=True, data_key=data_key, metadata=metadata)


def _micros(data_key: str, description: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        data_key=data_key,
        metadata={"description": description, "example": {_USD: 4_200_000}},
    )


class MoneySchema(StrictSchema):
    """In the smallest unit of the currency of our balance at Stripe."""

    currency = _text("currency", "ISO 4217, in small letters.", _USD)
    charged = _cents("chargedCents", "What buyers paid, taxes included.", 100_000)
    refunded = _cents("refundedCents", "What went back to them.", 5_000)
    refunds_failed = _cents("refundsFailedCents", "Refunds that came back to us.", 0)
    disputed = _cents("disputedCents", "What disputes withdrew.", 2_000)
    reinstated = _cents("reinstatedCents", "What won disputes returned.", 0)
    fees = _cents("feeCents", "What Stripe keeps.", 3_200)
    net = _cents("netCents", "What is left of it.", 89_800)


class OtherMoneySchema(StrictSchema):
    currency = _text("currency", "ISO 4217, in small letters.", _USD)
    category = _text("category", "Stripe's reporting category.", "payout")
    net = _cents("netCents", "What it added to the balance.", -80_000)


class LiabilitySchema(StrictSchema):
    """Unspent credits by kind of lot, held ones included."""

    free = credits_field("Welcome credits and other gifts.", example=20)
    promo = credits_field("Promotions.", example=5)
    subscription = credits_field("Bought by subscription.", example=0)
    paid = credits_field("Bought once.", example=100)


class FinanceCreditsSchema(StrictSchema):
    sold = credits_field("Of packages, without their bonus. From purchases.", example=1000)
    bonus = credits_field("The bonus of packages. From purchases and orders.", example=100)
    subscription = credits_field("Of subscriptions. From purchases.", example=500)
    paid_for = credits_field(
        "What purchases added to balances. From closed days.", example=1600, data_key="paidFor"
    )
    granted_free = credits_field(
        "Welcome, promo codes, gifts, trials. From closed days.", example=60, data_key="grantedFree"
    )
    spent = credits_field("Captured. From closed days.", example=900)
    expired = credits_field("From closed days.", example=10)
    clawed_back = credits_field("From closed days.", example=50, data_key="clawedBack")
    restored = credits_field("From closed days.", example=0)
    adjusted = credits_field("By operators; may be negative. From closed days.", example=-5)
    liability = fields.Nested(
        LiabilitySchema,
        required=True,
        metadata={"description": "At the month's end. From closed days."},
    )
    held = credits_field("The part of it that open jobs hold. From closed days.", example=3)
    debt = credits_field("What users owed when the report was made. From wallets.", example=0)


class DifferenceSchema(StrictSchema):
    payment_id = _text("paymentId", "At Stripe.", "pi_1")
    mismatch = fields.String(
        required=True,
        metadata={
            "description": "What does not match.",
            "example": Mismatch.NOT_GRANTED.value,
            "enum": [each.value for each in Mismatch],
        },
    )
    at_stripe = _text("atStripe", "What Stripe says.", "990 usd")
    here = _text("here", "What the purchase says; empty where there is none.", "")
    user_id = _text("userId", "Whose it is, if known.", "1085")


class FinanceSchema(StrictSchema):
    month = _text("month", "In UTC.", "2026-11")
    made_at = _text("madeAt", "When the report was made.", "2026-12-02T08:00:00.000Z")
    matches = fields.Boolean(
        required=True, metadata={"description": "Nothing differs, no day is missing."}
    )
    credits = fields.Nested(
        FinanceCreditsSchema, required=True, metadata={"description": "Credits of the month."}
    )
    money = fields.List(
        fields.Nested(MoneySchema), required=True, metadata={"description": "By currency."}
    )
    not_ours = fields.List(
        fields.Nested(MoneySchema),
        required=True,
        data_key="notOurs",
        metadata={"description": "Payments of the same account that no order of ours led to."},
    )
    other = fields.List(
        fields.Nested(OtherMoneySchema),
        required=True,
        metadata={"description": "What else moved the balance, such as payouts."},
    )
    costs = _micros("providerCostMicros", f"What providers bill. {_MICROS}")
    margins = _micros("marginMicros", f"Net money less those costs. {_MICROS}")
    missing = fields.List(
        fields.String(), required=True, metadata={"description": "Days that no audit has closed."}
    )
    transactions = _cents("transactions", "Balance transactions of the month.", 120)
    difference_count = _cents("differenceCount", "How many differences there are.", 0)
    differences = fields.List(
        fields.Nested(DifferenceSchema),
        required=True,
        metadata={"description": "At most 200 of them."},
    )
