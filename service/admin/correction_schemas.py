"""What goes in and out of the routes of corrections."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.admin.corrections import Corrected, Terms
from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.amounts import SCALE, credits_number
from service.core.clock import iso
from service.ledger.entities import WalletStatus
from service.ledger.lots import LotKind
from service.ledger.restrictions import RESTRICTIONS
from service.web.schemas import CreditsInput, Text, credits_field

# The last second that ISO 8601 can write in four digits of a year.
MAX_MOMENT = 253_402_300_799_000
MAX_ADJUSTMENT = 10**9 * SCALE
_UPWARDS = ("kind", "expires_at", "restriction")


class Moment(fields.AwareDateTime):
    """A time with its offset from UTC, loaded as epoch milliseconds."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "required": "Is required.",
        "invalid": "Must be a time such as 2027-01-31T12:00:00Z.",
        "invalid_awareness": "Must be a time with its offset, such as 2027-01-31T12:00:00Z.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        moment = super()._deserialize(value, attr, data, **options)
        at = round(moment.timestamp() * 1000)
        if not 0 <= at <= MAX_MOMENT:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return at


class AdjustmentRequestSchema(ActionSchema):
    """Adds credits, or takes them with an amount below 0."""

    amount = CreditsInput(
        required=True,
        minimum=-MAX_ADJUSTMENT,
        maximum=MAX_ADJUSTMENT,
        metadata={"description": "Credits to add; below 0: to take.", "example": 5},
    )
    kind = fields.Enum(
        LotKind,
        by_value=True,
        metadata={"description": "What kind of credits to add; `promo` if it is left out."},
    )
    expires_at = Moment(
        data_key="expiresAt",
        metadata={"description": "When the added credits expire. Left out: never."},
    )
    restriction = fields.String(
        validate=validate.OneOf(sorted(RESTRICTIONS), error="Is no restriction."),
        metadata={"description": "What alone the added credits may be spent on."},
    )
    lot_id = Text(
        data_key="lotId",
        max_length=32,
        metadata={"description": "The lot to take from. Left out: in the order of spending."},
    )

    @validates_schema
    def check_direction(self, data: Mapping[str, Any], **_: Any) -> None:
        """A field that would change nothing is a mistake of the caller."""
        if data["amount"] == 0:
            raise ValidationError("Must not be 0.", "amount")
        if data["amount"] > 0 and "lot_id" in data:
            raise ValidationError("Is only for taking credits.", "lotId")
        for name in _UPWARDS:
            if data["amount"] < 0 and name in data:
                raise ValidationError("Is only for adding credits.", _names(name))


class LotEditSchema(ActionSchema):
    """Moves the end of a lot."""

    expires_at = Moment(
        data_key="expiresAt",
        required=True,
        allow_none=True,
        metadata={"description": "When the credits expire; null: never."},
    )


class CorrectedSchema(PerformedSchema):
    """A correction, and the wallet as it is now."""

    available = credits_field("What the user can spend now.", example=8)
    held = credits_field("Set aside for open jobs.", example=0)
    status = fields.Enum(
        WalletStatus,
        by_value=True,
        required=True,
        metadata={"description": "Of the wallet.", "example": "open"},
    )


def terms_of(body: Mapping[str, Any]) -> Terms:
    return Terms(
        kind=body.get("kind", LotKind.PROMO),
        expires_at=body.get("expires_at"),
        restriction=body.get("restriction", ""),
        lot_id=body.get("lot_id"),
    )


def facts_of(terms: Terms, amount: int) -> dict[str, str]:
    """The terms as the log has them: those that this direction has."""
    if amount < 0:
        return {"lotId": terms.lot_id} if terms.lot_id else {}
    facts = {"kind": terms.kind.value, "restriction": terms.restriction}
    facts |= expiry_fact(terms.expires_at) if terms.expires_at is not None else {}
    return {name: text for name, text in facts.items() if text}


def expiry_fact(expires_at: int | None) -> dict[str, str]:
    return {"expiresAt": "never" if expires_at is None else iso(expires_at)}


def corrected_body(corrected: Corrected) -> dict[str, object]:
    return {
        "available": credits_number(corrected.available),
        "held": credits_number(corrected.wallet.held),
        "status": corrected.wallet.status.value,
    }


def _names(field: str) -> str:
    return "expiresAt" if field == "expires_at" else field
