"""Base schema and fields of request and response bodies. Create a schema once, with its blueprint:
that takes four times as long as loading with it."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from service.core.amounts import Amount, amount_of, credits_number, credits_text
from service.core.ids import id_pattern
from service.core.mailboxes import MAX_ADDRESS, InvalidAddress, address_of
from service.core.placeholders import identifies_a_device

# In place of the library's own words, wherever a field has none of its own.
_SAID = {"required": "Is required.", "null": "Must not be null."}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# JSON Schema's patterns know no surrogates.
_PROSE = "^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"

_DIGITS = re.compile("[0-9]{1,9}")


class StrictSchema(Schema):
    """Rejects unknown fields, and has every field say in the same words that it is missing."""

    error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "unknown": "Is not known.",
        "type": "Must be an object.",
    }

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        del field_name
        usual = fields.Field.default_error_messages
        field_obj.error_messages = {
            key: _SAID.get(key, text) if text == usual.get(key) else text
            for key, text in field_obj.error_messages.items()
        }


class EitherSchema(StrictSchema):
    """A body with exactly one of two fields. `alternatives` are their names on the wire; neither of
    them is `required`, and the document says that one of them is."""

    alternatives: ClassVar[tuple[str, str]]

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def exactly_one(self, _: dict[str, Any], given: dict[str, Any], **__: object) -> None:
        usual, other = self.alternatives
        if usual in given and other in given:
            raise ValidationError(f"Send either {usual} or {other}.", other)
        if usual not in given and other not in given:
            raise ValidationError(f"Is required without {other}.", usual)


def credits_field(
    description: str, *, example: int | None = None, required: bool = True, **options: Any
) -> fields.Float:
    """An amount of credits in a response: a number with at most three decimals. `multipleOf` would
    say so to programs, but validators divide in floating point and refuse 0.012."""
    about: dict[str, Any] = {"description": description}
    if example is not None:
        about["example"] = example
    return fields.Float(required=required, metadata=about, **options)


class CreditsInput(fields.Float):
    """An amount of credits in a request's body: a number with at most three decimals, loaded as
    thousandths. `minimum` and `maximum` are thousandths too."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "required": "Is required.",
        "null": "Must not be null.",
        "invalid": "Must be a number of credits with at most three decimals.",
        "range": "Must be from {minimum} to {maximum}.",
    }

    def __init__(self, *, minimum: Amount, maximum: Amount, **options: Any) -> None:
        self._minimum, self._maximum = minimum, maximum
        limits = {"minimum": credits_number(minimum), "maximum": credits_number(maximum)}
        super().__init__(**options | {"metadata": options.get("metadata", {}) | limits})

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if type(value) not in (int, float):
            raise self.make_error("invalid")
        try:
            # The shortest text of a double is what the client wrote, up to 15 digits.
            amount = amount_of(Decimal(repr(value)))
        except ValueError:
            raise self.make_error("invalid") from None
        if not self._minimum <= amount <= self._maximum:
            limits = credits_text(self._minimum), credits_text(self._maximum)
            raise self.make_error("range", minimum=limits[0], maximum=limits[1])
        return amount


class Text(fields.String):
    """A JSON string of `min_length` to `max_length` characters without control characters. Other
    types are not converted."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "required": "Is required.",
        "null": "Must not be null.",
        "invalid": "Must be a string.",
    }

    def __init__(self, *, max_length: int, min_length: int = 1, **options: Any) -> None:
        length = validate.Length(
            min_length, max_length, error="Must have {min} to {max} characters."
        )
        super().__init__(validate=[length, _no_control_characters], **options)


class IdInput(fields.String):
    """One of our ids with that prefix. Other types are not converted."""

    default_error_messages = Text.default_error_messages

    def __init__(self, prefix: str, **options: Any) -> None:
        error = f"Must be an id that begins with {prefix}_."
        form = validate.Regexp(id_pattern(prefix), error=error)
        super().__init__(validate=[form, _no_control_characters], **options)


class Prose(fields.String):
    """A JSON string of `min_length` to `max_length` characters, with line breaks and tabs, but
    without other control characters. Other types are not converted."""

    default_error_messages = Text.default_error_messages

    def __init__(self, *, max_length: int, min_length: int = 1, **options: Any) -> None:
        length = validate.Length(
            min_length, max_length, error="Must have {min} to {max} characters."
        )
        lines = validate.Regexp(_PROSE, error="Must not contain control characters.")
        super().__init__(validate=[length, lines], **options)


class DeviceFingerprint(Text):
    """A text that can distinguish one device from others (`identifies_a_device`)."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        if not identifies_a_device(text):
            raise ValidationError(
                "Must identify the device: a placeholder such as undefined, n/a or zeros would be "
                "the same for everybody."
            )
        return text


class EmailField(Text):
    """An e-mail address that mail can be sent to (`address_of`)."""

    def __init__(self, **options: Any) -> None:
        about = {"description": "The person's e-mail address.", "example": "ann@example.org"}
        super().__init__(**{"max_length": MAX_ADDRESS, "metadata": about, **options})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            address_of(text)
        except InvalidAddress:
            raise ValidationError(
                "Must be an e-mail address, with ASCII characters in front of the @."
            ) from None
        return text


class Flag(fields.Boolean):
    """A JSON boolean. Other types are not converted."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "null": "Must not be null.",
        "invalid": "Must be true or false.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class IntegerInput(fields.Integer):
    """A JSON number without a fraction. `5.0` is one, as JSON Schema has it (2020-12 validation,
    6.1.1); other types are not converted."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "required": "Is required.",
        "null": "Must not be null.",
        "invalid": "Must be a whole number.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if type(value) not in (int, float) or value != value // 1:
            raise self.make_error("invalid")
        return int(value)


class TextOrList(fields.Field[Any]):
    """A JSON string as `text` loads it, or an array as `items` does."""

    def __init__(
        self, text: fields.String, items: fields.List[Any], metadata: dict[str, Any]
    ) -> None:
        self.alternatives = (text, items)
        super().__init__(
            required=True, error_messages=dict(Text.default_error_messages), metadata=metadata
        )

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        text, items = self.alternatives
        if isinstance(value, str):
            return text.deserialize(value)
        if isinstance(value, list):
            return items.deserialize(value)
        raise ValidationError("Must be a string or a list.")


class WholeNumber(fields.Integer):
    """A non-negative integer of a query string: one to nine ASCII digits and nothing else."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "invalid": "Must be a whole number.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **options)


def _no_control_characters(text: str) -> None:
    if not text.isprintable() and _CONTROL.search(text):
        raise ValidationError("Must not contain control characters.")
