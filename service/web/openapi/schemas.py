"""The schemas of the OpenAPI document: how marshmallow's become JSON Schemas, and what is completed
once all are there."""

from collections.abc import Iterator
from typing import Any

import marshmallow
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import MODIFIERS, resolve_schema_cls
from apispec.ext.marshmallow.field_converter import DEFAULT_FIELD_MAPPING
from apispec.ext.marshmallow.openapi import OpenAPIConverter

from service.web.openapi.errors import ENVELOPE
from service.web.openapi.examples import example_of, resolve
from service.web.schemas import EitherSchema, Text, TextOrList

NO_CONTROL_CHARACTERS = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"

Document = dict[str, Any]


class _Converter(OpenAPIConverter):
    """Adds our rules: an address has the format `uri` (JSON Schema 2020-12, validation,
    7.3.5), an integer has 64 bits, `Text` takes no control characters, an enum is a component, and
    a dictionary takes any names."""

    # A class attribute, because apispec reads it so.
    field_mapping = {  # noqa: RUF012
        **DEFAULT_FIELD_MAPPING,
        marshmallow.fields.URL: ("string", "uri"),
        marshmallow.fields.Integer: ("integer", "int64"),
    }

    def schema2jsonschema(self, schema: marshmallow.Schema) -> Document:
        """One of two fields by `if`, which generators of clients leave out: they make no usable
        types of `oneOf` in an object that has fields of its own. Each part names its field and
        allows others, since linters read it by itself."""
        found: Document = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        if isinstance(schema, EitherSchema):
            usual, other = schema.alternatives
            open_part = {"additionalProperties": True}
            found["if"] = {"properties": {other: True}, "required": [other], **open_part}
            found["then"] = {"properties": {usual: False}, **open_part}
            found["else"] = {"properties": {usual: True}, "required": [usual], **open_part}
        return found

    def field2pattern(self, field: marshmallow.fields.Field[Any], **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().field2pattern(field, **options)
        return (
            {"pattern": NO_CONTROL_CHARACTERS} if not found and isinstance(field, Text) else found
        )

    def enum2properties(self, field: marshmallow.fields.Field[Any], **options: Any) -> Document:
        """A reference, so that clients have one named type for the enum. `ret` is what the field's
        other rules have found. Raises apispec's error for two types of one name."""
        if not isinstance(field, marshmallow.fields.Enum):
            return {}
        options["ret"].pop("type", None)
        name = field.enum.__name__
        if field.enum not in self.refs:
            values = [member.value for member in field.enum]
            self.spec.components.schema(name, {"type": "string", "enum": values})
            self.refs[field.enum] = name
        return {"$ref": f"#/components/schemas/{name}"}

    def field2property(self, field: marshmallow.fields.Field[Any]) -> Document:
        found: Document = super().field2property(field)
        if isinstance(field, TextOrList):
            found["anyOf"] = [self.field2property(each) for each in field.alternatives]
        return found

    def dict2properties(self, field: marshmallow.fields.Field[Any], **options: Any) -> Document:
        """`true` instead of `{}`, which some generators take for no names at all."""
        found: Document = super().dict2properties(field, **options)
        if isinstance(field, marshmallow.fields.Dict) and isinstance(field.key_field, Text):
            names = self.field2property(field.key_field)
            found["propertyNames"] = {name: part for name, part in names.items() if name != "type"}
        return {name: part if part else True for name, part in found.items()}


class SchemaPlugin(MarshmallowPlugin):
    """apispec's plugin with our names and formats."""

    Converter = _Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_schema_name)  # type: ignore[arg-type]


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of a document as (path, METHOD, operation)."""
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield path, method.upper(), described


def finished(document: Document) -> Document:
    """The document with requests closed, responses open, and an example for every body that has
    none. Changes it in place."""
    schemas = document["components"]["schemas"]
    taken = _taken_schemas(document)
    for name, schema in schemas.items():
        if name in taken:
            if schema["type"] == "object":
                # On a list of words, generators take it for a sign that any text will do.
                schema.setdefault("additionalProperties", False)
            _without_null_defaults(schema)
        elif name != ENVELOPE and schema.get("additionalProperties") is False:
            # What we send may grow: a client must not refuse a field that it does not know yet.
            del schema["additionalProperties"]
    for _, _, described in operations(document):
        _complete_parameters(described, schemas)
        for body in (described.get("requestBody", {}), *described["responses"].values()):
            for media in body.get("content", {}).values():
                if "examples" not in media:
                    media.setdefault("example", example_of(media["schema"], schemas))
    return document


def _taken_schemas(document: Document) -> set[str]:
    """Names of the schemas that request bodies are made of, however deep."""
    schemas = document["components"]["schemas"]
    waiting = [
        described["requestBody"]
        for _, _, described in operations(document)
        if "requestBody" in described
    ]
    taken: set[str] = set()
    while waiting:
        for name in set(_references(waiting.pop())) - taken:
            taken.add(name)
            waiting.append(schemas[name])
    return taken


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _references(each)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rsplit("/", 1)[-1]
        for each in part.values():
            yield from _references(each)


def _complete_parameters(described: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Path parameters borrow description and example from the response field of the same name; a
    query cannot say null."""
    response_fields = _response_fields(described, schemas)
    for parameter in described.get("parameters", []):
        schema = parameter["schema"]
        if parameter["in"] == "query":
            _without_null(schema)
        known = response_fields.get(parameter["name"], {}) if parameter["in"] == "path" else {}
        if "description" in known:
            parameter.setdefault("description", known["description"])
        if "example" in known:
            schema.setdefault("example", known["example"])


def _response_fields(described: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    success = next(each for status, each in described["responses"].items() if status < "300")
    content = success.get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    data = schema.get("properties", {}).get("data", schema)
    fields: dict[str, Any] = resolve(data, schemas).get("properties", {})
    return fields


def _without_null_defaults(schema: dict[str, Any]) -> None:
    """A field with a default is one that generators always send."""
    for part in schema.get("properties", {}).values():
        if "default" in part and part["default"] is None:
            del part["default"]


def _without_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), list):
        types = [each for each in schema["type"] if each != "null"]
        schema["type"] = types[0] if len(types) == 1 else types
    if "anyOf" in schema:
        others = [each for each in schema.pop("anyOf") if each != {"type": "null"}]
        schema.update(others[0] if len(others) == 1 else {"anyOf": others})
    if "enum" in schema:
        schema["enum"] = [choice for choice in schema["enum"] if choice is not None]
    if "default" in schema and schema["default"] is None:
        del schema["default"]


def _schema_name(schema: Any) -> str | None:
    """The class's name without "Schema"; none for a schema narrowed by modifiers, which is written
    where it is used."""
    if isinstance(schema, marshmallow.Schema) and any(
        getattr(schema, modifier) for modifier in MODIFIERS
    ):
        return None
    resolved = resolve_schema_cls(schema)
    named = resolved[0] if isinstance(resolved, list) else resolved
    return named.__name__.removesuffix("Schema") or named.__name__
