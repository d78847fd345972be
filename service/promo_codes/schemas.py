"""What comes into and goes out of the route that redeems a promo code."""

from marshmallow import fields

from service.core.amounts import credits_number
from service.core.clock import iso
from service.ledger.lots import LotKind
from service.promo_codes.entities import Redemption
from service.web.schemas import DeviceFingerprint, StrictSchema, Text, credits_field

MAX_TEXT = 64
MAX_FINGERPRINT = 256


class RedeemRequestSchema(StrictSchema):
    code = Text(
        required=True,
        max_length=MAX_TEXT,
        metadata={
            "description": "The code as the user typed it: case, spaces and dashes do not matter.",
            "example": "7K3M-QX9T-2FHD-8WZA",
        },
    )
    fingerprint = DeviceFingerprint(
        max_length=MAX_FINGERPRINT,
        load_default=None,
        metadata={
            "description": "Identifies the device, as in `POST /videos`.",
            "example": "fp-4be1a2c09d",
        },
    )


class RedemptionSchema(StrictSchema):
    credits = credits_field("What the code granted.", example=50)
    kind = fields.Enum(
        LotKind,
        by_value=True,
        required=True,
        metadata={"description": "The kind of its lot.", "example": "promo"},
    )
    restriction = fields.String(
        required=True,
        metadata={
            "description": "What the credits can be spent on; empty: anything.",
            "example": "",
        },
    )
    redeemed_at = fields.DateTime(
        required=True,
        data_key="redeemedAt",
        metadata={"description": "When it was redeemed (UTC)."},
    )
    expires_at = fields.DateTime(
        required=True,
        data_key="expiresAt",
        allow_none=True,
        metadata={"description": "When the rest expires (UTC); null: never.", "example": None},
    )
    available = credits_field("What can be spent now.", example=53)
    replayed = fields.Boolean(
        required=True,
        metadata={
            "description": "True if an earlier request redeemed it, and this one changed nothing.",
            "example": False,
        },
    )


def redemption_body(redemption: Redemption) -> dict[str, object]:
    expires_at = redemption.expires_at
    return {
        "credits": credits_number(redemption.amount),
        "kind": redemption.kind,
        "restriction": redemption.restriction,
        "redeemedAt": iso(redemption.at),
        "expiresAt": None if expires_at is None else iso(expires_at),
        "available": credits_number(redemption.available),
        "replayed": not redemption.made,
    }
