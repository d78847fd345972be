from enum import Enum

import pytest
from jsonschema import Draft202012Validator
from marshmallow import fields
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.web.endpoint import Access, Endpoint
from service.web.openapi.schemas import Document
from service.web.schemas import EitherSchema, StrictSchema, Text
from tests.doubles.documented import app_with, document_of, documented_app


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(documented_app())


def test_an_enum_is_a_type_of_its_own() -> None:
    class Mood(Enum):
        GOOD = "good"
        BAD = "bad"

    class FeelingSchema(StrictSchema):
        first = fields.Enum(Mood, by_value=True, metadata={"description": "At first."})
        then = fields.Enum(Mood, by_value=True, allow_none=True)

    document = document_of(
        app_with(Endpoint(access=Access.PUBLIC, summary="Felt", response=FeelingSchema))
    )
    reference = {"$ref": "#/components/schemas/Mood"}
    assert document["components"]["schemas"]["Mood"] == {"type": "string", "enum": ["good", "bad"]}
    described = document["components"]["schemas"]["Feeling"]["properties"]
    assert described["first"] == {"description": "At first.", **reference}
    assert described["then"] == {"anyOf": [reference, {"type": "null"}]}


def test_text_fields_say_that_they_take_no_control_characters(document: Document) -> None:
    pattern = Draft202012Validator(
        document["components"]["schemas"]["Video"]["properties"]["promptKey"]
    )
    assert pattern.is_valid("foo_prompt")
    assert not pattern.is_valid("foo\x00")


def test_a_field_that_can_be_left_out_has_no_default_of_null() -> None:
    class ThingSchema(StrictSchema):
        name = Text(max_length=9, load_default=None)

    declared = Endpoint(access=Access.PUBLIC, summary="Made", body=ThingSchema)
    thing = document_of(app_with(declared))["components"]["schemas"]["Thing"]
    assert "default" not in thing["properties"]["name"]
    assert "required" not in thing


def test_a_narrowed_schema_is_written_where_it_is_used() -> None:
    class WholeSchema(StrictSchema):
        one = fields.Integer()
        two = fields.Integer()

    class HolderSchema(StrictSchema):
        whole = fields.Nested(WholeSchema)
        half = fields.Nested(WholeSchema(only=("one",)))

    document = document_of(
        app_with(Endpoint(access=Access.PUBLIC, summary="Held", response=HolderSchema))
    )
    OpenAPIV31SpecValidator(document).validate()  # type: ignore[arg-type]
    half = document["components"]["schemas"]["Holder"]["properties"]["half"]
    assert list(half["properties"]) == ["one"]


def test_a_body_with_one_of_two_fields_is_described_as_such() -> None:
    class LetterSchema(EitherSchema):
        alternatives = ("link", "file")

        link = Text(max_length=9)
        file = Text(max_length=9)

    document = document_of(
        app_with(Endpoint(access=Access.PUBLIC, summary="Sent", body=LetterSchema))
    )
    validator = Draft202012Validator(document["components"]["schemas"]["Letter"])
    assert validator.is_valid({"link": "a"})
    assert validator.is_valid({"file": "a"})
    assert not validator.is_valid({})
    assert not validator.is_valid({"link": "a", "file": "a"})
