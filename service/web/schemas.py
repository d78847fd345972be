"""What schemas of request and response bodies are made of. Build a schema once, with its blueprint:
that takes four times as long as using it."""

import re
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_DIGITS = re.compile("[0-9]{1,9}")


class StrictSchema(Schema):
    """Refuses what it does not name."""

    error_messages = {"unknown": "Is not known.", "type": "Must be an object."}  # noqa: RUF012 - marshmallow's way

    class Meta:
        unknown = RAISE


class Text(fields.String):
    """A JSON string of `shortest` to `longest` characters without control characters. Nothing else
    is turned into one."""

    default_error_messages = {  # noqa: RUF012 - marshmallow's way
        "required": "Is required.",
        "null": "Must not be null.",
        "invalid": "Must be a string.",
    }

    def __init__(self, *, longest: int, shortest: int = 1, **options: Any) -> None:
        length = validate.Length(shortest, longest, error="Must have {min} to {max} characters.")
        super().__init__(validate=[length, _no_control_characters], **options)


class WholeNumber(fields.Integer):
    """A whole number from 0 up as a query string spells it: one to nine ASCII digits, nothing
    else."""

    default_error_messages = {"invalid": "Must be a whole number."}  # noqa: RUF012 - marshmallow's way

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **options)


def _no_control_characters(text: str) -> None:
    if not text.isprintable() and _CONTROL.search(text):
        raise ValidationError("Must not contain control characters.")
