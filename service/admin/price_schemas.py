"""What goes in and out of the operators' routes of prices.

In a file of its own, as the routes are."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from service.admin.correction_schemas import Moment
from service.admin.schemas import ActionSchema, PerformedSchema, RecordPageSchema
from service.catalog.entities import IMAGE_TO_VIDEO, PriceRecord
from service.catalog.pricing import MAX_PRICE, MAX_RATE, Flat, Metered, Rate, Terms
from service.catalog.schemas import RATE_TEXTS, PriceSchema, price_body
from service.core.amounts import micros_text, parse_micros
from service.core.clock import iso
from service.web.schemas import CreditsInput, StrictSchema, Text

_ONE_KIND = "Give either credits, or rates with an optional minimum and maximum."


class RateInput(fields.Float):
    """Credits with at most six decimals, loaded as millionths."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "invalid": f"Must be a number from 0 to {micros_text(MAX_RATE)} with at most six decimals.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if type(value) not in (int, float):
            raise self.make_error("invalid")
        try:
            # The shortest text of a double is what the client wrote, up to 15 digits.
            micros = parse_micros(f"{Decimal(repr(value)):f}")
        except ValueError:
            raise self.make_error("invalid") from None
        if micros > MAX_RATE:
            raise self.make_error("invalid")
        return micros


def _moment() -> Moment:
    return Moment(
        required=True,
        data_key="effectiveAt",
        metadata={
            "description": "From when on it is the price.",
            "example": "2026-12-01T00:00:00.000Z",
        },
    )


def _operation() -> Text:
    return Text(
        required=True,
        max_length=100,
        metadata={"description": "`provider:operation`.", "example": IMAGE_TO_VIDEO},
    )


def _limit(what: str) -> CreditsInput:
    return CreditsInput(
        minimum=1,
        maximum=MAX_PRICE,
        metadata={"description": f"What {what}, in credits, for a price by usage."},
    )


RatesRequestSchema = StrictSchema.from_dict(
    {
        rate.value: RateInput(metadata={"description": f"Credits for {what}."})
        for rate, what in RATE_TEXTS.items()
    },
    name="RatesRequestSchema",
)
"""The rates of a price by usage; those that are left out do not apply."""


class NewPriceRequestSchema(ActionSchema):
    """A price to be scheduled: flat, or by usage."""

    operation = _operation()
    effective_at = _moment()
    credits = CreditsInput(
        minimum=1,
        maximum=MAX_PRICE,
        metadata={"description": "Credits for each job, for a flat price.", "example": 2},
    )
    rates = fields.Nested(
        RatesRequestSchema, metadata={"description": "The rates of a price by usage."}
    )
    minimum = _limit("complete work costs at least")
    maximum = _limit("a job costs at most")

    @validates_schema
    def check_kind(self, data: Mapping[str, Any], **_: Any) -> None:
        """A price is of one kind."""
        is_flat = "credits" in data
        if is_flat == ("rates" in data) or (is_flat and data.keys() & {"minimum", "maximum"}):
            raise ValidationError(_ONE_KIND, "credits")


class PriceCancellationRequestSchema(ActionSchema):
    operation = _operation()
    effective_at = _moment()


class PriceHistoryQuerySchema(RecordPageSchema):
    operation = _operation()


class PriceRecordSchema(PriceSchema):
    """A price in the history of its operation."""

    scheduled_at = fields.DateTime(
        required=True, data_key="scheduledAt", metadata={"description": "When (UTC)."}
    )
    scheduled_by = fields.String(
        required=True, data_key="scheduledBy", metadata={"description": "By which operator."}
    )
    reason = fields.String(required=True, metadata={"description": "Why."})
    cancelled_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="cancelledAt",
        metadata={"description": "When it was taken back; null: it was not."},
    )
    cancelled_by = fields.String(
        required=True,
        allow_none=True,
        data_key="cancelledBy",
        metadata={"description": "By which operator."},
    )
    cancel_reason = fields.String(
        required=True,
        allow_none=True,
        data_key="cancelReason",
        metadata={"description": "Why it was taken back."},
    )


class PricePerformedSchema(PerformedSchema):
    """The action, and the price that it was about."""

    price = fields.Nested(
        PriceRecordSchema, required=True, metadata={"description": "The price as it stands."}
    )


class PriceHistorySchema(StrictSchema):
    prices = fields.List(
        fields.Nested(PriceRecordSchema),
        required=True,
        metadata={"description": "Scheduled prices, the last to take effect first."},
    )
    next_token = fields.String(
        required=True,
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )
    earliest_effective_at = fields.DateTime(
        required=True,
        data_key="earliestEffectiveAt",
        metadata={"description": "When a price that is scheduled now can take effect (UTC)."},
    )


def terms_of(body: Mapping[str, Any]) -> Terms:
    """The terms in a body that `NewPriceRequestSchema` has loaded."""
    if "credits" in body:
        return Flat(body["credits"])
    rates = {Rate(name): micros for name, micros in body["rates"].items()}
    return Metered(rates, body.get("minimum", 0), body.get("maximum"))


def price_record_body(record: PriceRecord) -> dict[str, object]:
    cancelled_at = record.cancelled_at
    return {
        **price_body(record.price),
        "scheduledAt": iso(record.scheduled_at),
        "scheduledBy": record.scheduled_by,
        "reason": record.reason,
        "cancelledAt": None if cancelled_at is None else iso(cancelled_at),
        "cancelledBy": record.cancelled_by or None,
        "cancelReason": record.cancel_reason or None,
    }
