"""Fields that OpenAI's two routes have in common.

In a file of its own because each route has schemas of its own, and both take these."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate

from service.text.entities import MAX_PROMPT_BYTES
from service.text.schemas import BLANKS, CONTROLS
from service.web.schemas import Flag, StrictSchema, Text, TextOrList

MAX_PARTS = 100
MAX_NAME = 64
MAX_METADATA = 16
MAX_METADATA_TEXT = 512
MAX_USER = 512
ROLES = ("system", "developer", "user", "assistant")
NOT_SUPPORTED = "Is not supported here; leave it out."
# Of several texts in one message. Run together, the last word of one would join the next.
BETWEEN_PARTS = "\n"
_CONTROL = re.compile(f"[{CONTROLS}]")
# Something is said: any character but blanks, among which control characters count.
_WORDS = f"^[{BLANKS}{CONTROLS}]*[^{BLANKS}{CONTROLS}]"
_IS_SAID = re.compile(_WORDS)


class OpenSchema(StrictSchema):
    """Refuses the parameters that it does not know: what is left out silently could change the
    text."""

    error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "unknown": NOT_SUPPORTED,
        "type": "Must be an object.",
    }


class Neutral(fields.Field[Any]):
    """A parameter that is taken only with values by which nothing changes, and null."""

    def __init__(self, *values: Any, description: str = "") -> None:
        self._values = values
        usual = "Only what changes nothing is taken." if values else "Only null is taken."
        about = {"description": description or usual, "enum": [*values, None]}
        super().__init__(load_default=None, allow_none=True, metadata=about)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not any(_is_same(value, each) for each in self._values):
            raise ValidationError(NOT_SUPPORTED)
        return value


class Said(fields.String):
    """What OpenAI takes as a text: of any characters, as long as all of a prompt may be. Control
    characters are loaded as spaces, because vendors refuse them. It may be blank where it
    `may_be_blank`."""

    default_error_messages = Text.default_error_messages

    def __init__(self, *, may_be_blank: bool = False, **options: Any) -> None:
        minimum = 0 if may_be_blank else 1
        length = validate.Length(
            minimum, MAX_PROMPT_BYTES, error="Must have {min} to {max} characters."
        )
        words = validate.Regexp(_WORDS, error="Must not be blank.")
        super().__init__(validate=[length] if may_be_blank else [length, words], **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        return _CONTROL.sub(" ", super()._deserialize(value, attr, data, **options))


class NumberInput(fields.Float):
    """A JSON number. Other types are not converted."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "null": "Must not be null.",
        "invalid": "Must be a number.",
    }

    def __init__(self, minimum: int, maximum: int, description: str) -> None:
        limits = validate.Range(minimum, maximum, error="Must be from {min} to {max}.")
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=limits,
            metadata={"description": description},
        )

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if type(value) not in (int, float):
            raise self.make_error("invalid")
        return float(value)


def content_of(part: type[OpenSchema]) -> TextOrList:
    """What a message says: a text, or parts that are texts. See `joined`."""
    parts = fields.List(fields.Nested(part), validate=validate.Length(0, MAX_PARTS))
    about = {
        "description": "A text, or parts that are texts; images, audio and files are refused. "
        "Control characters become spaces. An assistant's message that is blank is left out; any "
        "other is refused.",
        "example": "Describe a lighthouse.",
    }
    return TextOrList(Said(may_be_blank=True), parts, about)


def joined(content: Any) -> str:
    """The text of a content that was loaded."""
    if isinstance(content, str):
        return content
    return BETWEEN_PARTS.join(part["text"] for part in content)


def is_said(text: str) -> bool:
    """Whether it is more than blanks."""
    return _IS_SAID.search(text) is not None


class CommonSchema(OpenSchema):
    """What both routes take: first what counts, then what is taken because clients send it."""

    model = Text(
        load_default=None,
        allow_none=True,
        max_length=40,
        metadata={
            "description": "Which model writes it; one is chosen where none is named.",
            "example": "gpt-4.1-mini",
        },
    )
    stream = Flag(
        load_default=False,
        allow_none=True,
        metadata={"description": "Whether to send the text while it is written.", "example": False},
    )
    temperature = NumberInput(
        0, 2, "Higher is more random. Some models take at most 1, those that reason none."
    )
    top_p = NumberInput(0, 1, "Only the likeliest tokens of that share. Not of models that reason.")
    user = Text(
        load_default=None,
        allow_none=True,
        max_length=MAX_USER,
        metadata={
            "description": "With a server key, and needed there: your own id of the user who pays. "
            "Otherwise it changes nothing."
        },
    )
    metadata = fields.Dict(
        keys=Text(max_length=MAX_NAME),
        values=Text(min_length=0, max_length=MAX_METADATA_TEXT),
        load_default=None,
        allow_none=True,
        validate=validate.Length(0, MAX_METADATA),
        metadata={
            "description": f"At most {MAX_METADATA} texts of your own. Not stored; a response "
            "object repeats them.",
            "maxProperties": MAX_METADATA,
        },
    )
    safety_identifier = Text(
        load_default=None,
        allow_none=True,
        max_length=MAX_USER,
        metadata={"description": "Changes nothing."},
    )
    prompt_cache_key = Text(
        load_default=None,
        allow_none=True,
        max_length=MAX_USER,
        metadata={"description": "Changes nothing."},
    )
    store = Neutral(False, description="Nothing is stored for OpenAI's own routes to find again.")
    service_tier = Neutral("auto", "default")
    tools = Neutral([])
    tool_choice = Neutral("auto", "none")
    parallel_tool_calls = Neutral(True, False)
    top_logprobs = Neutral(0)


def _is_same(value: Any, expected: Any) -> bool:
    """As JSON has it: 1.0 is 1, and true is not."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    return bool(value == expected)
