"""Ranges of days in a query string: UTC, both ends included."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from service.web.schemas import StrictSchema

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Day(fields.Date):
    """A day as in `2026-11-21`, and nothing else that Python reads as a date."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "invalid": "Must be a day, as in 2026-11-21.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type="date")
        return super()._deserialize(value, attr, data, **options)


class DaysSchema(StrictSchema):
    """Which days; one that is not given bounds nothing."""

    from_day = Day(
        data_key="from",
        load_default=None,
        metadata={"description": "The first day, in UTC.", "example": "2026-11-01"},
    )
    to_day = Day(
        data_key="to",
        load_default=None,
        metadata={"description": "The last day, in UTC; it is included.", "example": "2026-11-30"},
    )

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        first, last = data.get("from_day"), data.get("to_day")
        if first and last and first > last:
            raise ValidationError("Must not be before `from`.", "to")
