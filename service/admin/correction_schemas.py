"""What goes in and out of the routes of corrections."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.admin.corrections import Corrected
from service.admin.entities import Approval, ApprovalStatus, Terms
from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.amounts import SCALE, credits_number
from service.core.clock import iso
from service.ledger.entities import WalletStatus
from service.ledger.lots import LotKind
from service.ledger.restrictions import RESTRICTIONS
from service.web.schemas import CreditsInput, StrictSchema, Text, credits_field

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


class ApprovalSchema(StrictSchema):
    """An adjustment that waits, or waited, for a second operator."""

    approval_id = fields.String(
        required=True, data_key="approvalId", metadata={"description": "Names the request."}
    )
    user_id = fields.String(
        required=True, data_key="userId", metadata={"description": "Whose credits."}
    )
    amount = credits_field("Credits to add; below 0: to take.", example=5000)
    terms = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "What the adjustment makes or takes from."},
    )
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why; null: the user's private data has been erased since."},
    )
    requested_by = fields.String(
        required=True, data_key="requestedBy", metadata={"description": "The first operator."}
    )
    at = fields.DateTime(required=True, metadata={"description": "When it was requested (UTC)."})
    expires_at = fields.DateTime(
        required=True,
        data_key="expiresAt",
        metadata={"description": "Until when it can be approved (UTC)."},
    )
    status = fields.Enum(
        ApprovalStatus,
        by_value=True,
        required=True,
        metadata={"description": "What became of it.", "example": "pending"},
    )
    decided_by = fields.String(
        required=True,
        data_key="decidedBy",
        allow_none=True,
        metadata={"description": "The second operator; null: no one yet."},
    )


class ApprovalPageSchema(StrictSchema):
    approvals = fields.List(
        fields.Nested(ApprovalSchema),
        required=True,
        metadata={"description": "Newest first, decided ones too."},
    )
    next_token = fields.String(
        required=True,
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )


class CorrectedSchema(PerformedSchema):
    """A correction, and the wallet as it is now."""

    available = credits_field("What the user can spend now.", example=8)
    held = credits_field("Set aside for open jobs.", example=0)
    approval = fields.Nested(
        ApprovalSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The request that waits for a second operator; null: none."},
    )
    status = fields.Enum(
        WalletStatus,
        by_value=True,
        required=True,
        metadata={"description": "Of the wallet.", "example": "open"},
    )
    disabled = fields.Boolean(
        required=True,
        metadata={"description": "Whether every request of the user is refused."},
    )


class RejectedSchema(PerformedSchema):
    """A request that was rejected."""

    approval = fields.Nested(
        ApprovalSchema, required=True, metadata={"description": "The request."}
    )


def terms_of(body: Mapping[str, Any]) -> Terms:
    return Terms(
        kind=body.get("kind", LotKind.PROMO),
        expires_at=body.get("expires_at"),
        restriction=body.get("restriction", ""),
        lot_id=body.get("lot_id"),
    )


def approval_body(approval: Approval, now: int) -> dict[str, object]:
    return {
        "approvalId": approval.approval_id,
        "userId": approval.user_id,
        "amount": credits_number(approval.amount),
        "terms": approval.terms.facts(approval.amount),
        "reason": approval.reason,
        "requestedBy": approval.requested_by,
        "at": iso(approval.at),
        "expiresAt": iso(approval.expires_at),
        "status": approval.status_at(now).value,
        "decidedBy": approval.decided_by or None,
    }


def corrected_body(corrected: Corrected) -> dict[str, object]:
    approval = corrected.approval
    return {
        "approval": None if approval is None else approval_body(approval, corrected.at),
        "available": credits_number(corrected.available),
        "held": credits_number(corrected.wallet.held),
        "status": corrected.wallet.status.value,
        "disabled": corrected.wallet.disabled,
    }


def _names(field: str) -> str:
    return "expiresAt" if field == "expires_at" else field
