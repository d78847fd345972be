"""What goes in and out of every operator's route."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from service.admin.entities import MAX_REASON, MAX_REASON_BYTES, OperatorRecord
from service.core.amounts import credits_number
from service.core.clock import iso
from service.core.principal import OperatorMethod
from service.web.schemas import StrictSchema, Text, WholeNumber

RECORDS_A_PAGE = 50
MAX_RECORDS_A_PAGE = 100


class Reason(Text):
    """A text that fits into an entry of the ledger."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        if len(text.encode()) > MAX_REASON_BYTES:
            raise ValidationError(f"Must take at most {MAX_REASON_BYTES} bytes in UTF-8.")
        if not text.strip():
            raise ValidationError("Must not be blank.")
        return text


class ActionSchema(StrictSchema):
    """The part of every request that changes anything. Derive the schema of an action from it."""

    reason = Reason(
        required=True,
        max_length=MAX_REASON,
        metadata={
            "description": "Why. The user may read it.",
            "example": "The video was delivered broken.",
        },
    )


class RecordPageSchema(StrictSchema):
    limit = WholeNumber(
        load_default=RECORDS_A_PAGE,
        validate=validate.Range(1, MAX_RECORDS_A_PAGE),
        metadata={"description": "Actions on one page.", "example": RECORDS_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=200,
        metadata={"description": "The `nextToken` of the page before."},
    )


class OperatorActionSchema(StrictSchema):
    """What an operator did."""

    number = fields.Integer(
        required=True, metadata={"description": "Counts the actions of this log.", "example": 1}
    )
    action = fields.String(
        required=True, metadata={"description": "What was done.", "example": "adjust"}
    )
    operator_id = fields.String(
        required=True,
        data_key="operatorId",
        metadata={"description": "Who did it.", "example": "key:support-desk"},
    )
    method = fields.Enum(
        OperatorMethod,
        by_value=True,
        required=True,
        metadata={"description": "How the operator was authenticated.", "example": "signature"},
    )
    amount = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Credits, if the action concerns any.", "example": 5},
    )
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why; null: the user's private data has been erased since."},
    )
    request_id = fields.String(
        required=True, data_key="requestId", metadata={"description": "The request in our logs."}
    )
    idempotency_key = fields.String(
        required=True, data_key="idempotencyKey", metadata={"description": "The request's key."}
    )
    at = fields.DateTime(required=True, metadata={"description": "When (UTC)."})
    details = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "The rest of the request, and what came of it."},
    )


class PerformedSchema(StrictSchema):
    """What an action of an operator came to."""

    action = fields.Nested(
        OperatorActionSchema,
        required=True,
        metadata={"description": "The action as the log has it."},
    )


class OperatorActionPageSchema(StrictSchema):
    actions = fields.List(
        fields.Nested(OperatorActionSchema),
        required=True,
        metadata={"description": "Newest first."},
    )
    next_token = fields.String(
        required=True,
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )


def record_body(record: OperatorRecord) -> dict[str, object]:
    return {
        "number": record.number,
        "action": record.name,
        "operatorId": record.operator_id,
        "method": record.method,
        "amount": None if record.amount is None else credits_number(record.amount),
        "reason": record.shown_reason,
        "requestId": record.request_id,
        "idempotencyKey": record.idempotency_key,
        "at": iso(record.at),
        "details": record.shown_details,
    }
