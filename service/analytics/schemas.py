"""What goes in and out of the analytics routes."""

from marshmallow import fields

from service.analytics.entities import Days, Usage, UsageKey, UserUsage, total_of
from service.core.amounts import credits_number, credits_of
from service.core.days import Day
from service.web.csv_responses import Cell, Row
from service.web.schemas import StrictSchema, credits_field

BOUNDARIES = "Days begin and end at midnight UTC; both are included."
USAGE_COLUMNS = (
    *("day", "provider", "operation", "count", "failures", "credits"),
    *("averageLatencySeconds", "maxLatencySeconds"),
)


def count_field(description: str, example: int, data_key: str | None = None) -> fields.Integer:
    about = {"description": description, "example": example}
    return fields.Integer(required=True, data_key=data_key, metadata=about)


def _latency(description: str, data_key: str) -> fields.Float:
    about = {"description": f"{description} Null: no job was delivered.", "example": 41.5}
    return fields.Float(required=True, allow_none=True, data_key=data_key, metadata=about)


class UsageSumSchema(StrictSchema):
    """Jobs that have ended."""

    count = count_field("Jobs that ended, failures included.", 12)
    failures = count_field("Those that were not charged.", 1)
    credits = credits_field("What the others were charged.", example=11)
    average_latency_seconds = _latency(
        "From the hold of the credits to the delivery, on average.", "averageLatencySeconds"
    )
    max_latency_seconds = _latency("The same of the slowest job.", "maxLatencySeconds")


class UsageRowSchema(UsageSumSchema):
    """One operation on one day."""

    day = fields.Date(
        required=True,
        metadata={"description": "The day on which the jobs ended.", "example": "2026-11-21"},
    )
    provider = fields.String(
        required=True,
        metadata={"description": "Who did the work; empty: not known.", "example": "kling"},
    )
    operation = fields.String(
        required=True,
        metadata={"description": "What was done; empty: not known.", "example": "image2video"},
    )


class BoundariesSchema(StrictSchema):
    """Which days a response is about."""

    first = fields.Date(
        required=True,
        data_key="from",
        metadata={"description": "The first day.", "example": "2026-11-01"},
    )
    last = fields.Date(
        required=True,
        data_key="to",
        metadata={"description": "The last day.", "example": "2026-11-30"},
    )
    time_zone = fields.String(
        required=True,
        data_key="timeZone",
        metadata={"description": "Where days begin.", "example": "UTC"},
    )
    boundaries = fields.String(
        required=True, metadata={"description": "The same for people.", "example": BOUNDARIES}
    )


class CreditUsageSchema(BoundariesSchema):
    usage = fields.List(
        fields.Nested(UsageRowSchema),
        required=True,
        metadata={"description": "By day, then by operation; none where no job ended."},
    )
    totals = fields.Nested(
        UsageSumSchema, required=True, metadata={"description": "The sum of all rows."}
    )


def usage_body(usage: UserUsage) -> dict[str, object]:
    return {
        **boundaries_body(usage.days),
        "usage": [_row_body(key, sums) for key, sums in usage.table.items()],
        "totals": sum_body(total_of(usage.table.values())),
    }


def usage_row(key: UsageKey, usage: Usage) -> Row:
    """A row under `USAGE_COLUMNS`."""
    return usage_cells(key.day, key.operation, usage)


def usage_cells(day: Day, operation: str, usage: Usage) -> tuple[Cell, ...]:
    return (
        day.isoformat(),
        *names_of(operation),
        usage.count,
        usage.failures,
        credits_of(usage.credits),
        _text(usage.average_latency_seconds),
        _text(usage.max_latency_seconds),
    )


def boundaries_body(days: Days) -> dict[str, object]:
    return {
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
        "timeZone": "UTC",
        "boundaries": BOUNDARIES,
    }


def sum_body(usage: Usage) -> dict[str, object]:
    return {
        "count": usage.count,
        "failures": usage.failures,
        "credits": credits_number(usage.credits),
        "averageLatencySeconds": usage.average_latency_seconds,
        "maxLatencySeconds": usage.max_latency_seconds,
    }


def names_of(operation: str) -> tuple[str, str]:
    """Provider and operation."""
    provider, _, name = operation.partition(":")
    return provider, name


def _row_body(key: UsageKey, usage: Usage) -> dict[str, object]:
    provider, operation = names_of(key.operation)
    names = {"day": key.day.isoformat(), "provider": provider, "operation": operation}
    return names | sum_body(usage)


def _text(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"
