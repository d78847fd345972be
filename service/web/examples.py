"""Examples derived from JSON Schemas, so that an answer's example cannot drift from its schema."""

from collections.abc import Mapping
from typing import Any

DEEPEST = 8

JsonSchema = Mapping[str, Any]

_BY_FORMAT = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "uuid": "4f1c2b9e-6d0a-4c53-9a76-0d1f5be2c8a4",
    "uri": "https://example.com/file",
    "email": "someone@example.com",
}
_BY_TYPE: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}


def resolve(schema: JsonSchema, schemas: Mapping[str, JsonSchema]) -> JsonSchema:
    """The schema itself, or the component that it refers to with its own keywords on top; of
    alternatives the first."""
    if "$ref" in schema:
        target = schemas[schema["$ref"].rsplit("/", 1)[-1]]
        own = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
        return {**target, **own}
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        own = {
            keyword: value for keyword, value in schema.items() if keyword not in ("anyOf", "oneOf")
        }
        return {**resolve(alternatives[0], schemas), **own}
    return schema


def is_nullable(schema: JsonSchema) -> bool:
    """Whether null is one of the values it names."""
    return {"type": "null"} in schema.get("anyOf", []) or "null" in schema.get("type", [])


def main_type(schema: JsonSchema) -> str:
    """The first type that is not null; "any" for a schema that names none."""
    types = schema.get("type", [])
    named = [types] if isinstance(types, str) else [each for each in types if each != "null"]
    return named[0] if named else "any"


def example_of(schema: JsonSchema, schemas: Mapping[str, JsonSchema], depth: int = 0) -> Any:
    """A value of that shape: what `example`, `const`, a default or a choice says, null where that
    is allowed and no example is given, else built from its parts.

    `schemas` are the document's components. Nesting beyond 8 levels (a schema that holds itself)
    answers None."""
    if depth > DEEPEST:
        return None
    may_be_null = is_nullable(schema) and "example" not in schema
    schema = resolve(schema, schemas)
    if may_be_null:
        return None
    if "example" in schema:
        return schema["example"]
    if "const" in schema:
        return schema["const"]
    if schema.get("default") is not None:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    return _built(schema, schemas, depth)


def _built(schema: JsonSchema, schemas: Mapping[str, JsonSchema], depth: int) -> Any:
    kind = main_type(schema)
    if kind == "object":
        parts = schema.get("properties", {})
        return {
            name: example_of(part, schemas, depth + 1)
            for name, part in parts.items()
            if not part.get("writeOnly")
        }
    if kind == "array":
        return [example_of(schema.get("items", {}), schemas, depth + 1)]
    if kind in ("integer", "number") and "minimum" in schema:
        return schema["minimum"]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(kind))
