"""Derives examples from JSON Schemas, so that no example can differ from its schema."""

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 8

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
    """Returns the schema with `$ref` replaced by its component, and alternatives by their first.
    Keywords next to those override."""
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
    """Whether the schema allows null."""
    return {"type": "null"} in schema.get("anyOf", []) or "null" in schema.get("type", [])


def main_type(schema: JsonSchema) -> str:
    """Returns the first type that is not null; "any" if the schema has none."""
    types = schema.get("type", [])
    named = [types] if isinstance(types, str) else [each for each in types if each != "null"]
    return named[0] if named else "any"


def example_of(schema: JsonSchema, schemas: Mapping[str, JsonSchema], depth: int = 0) -> Any:
    """Returns a value of that schema: its `example`; null if allowed; its `const`, default or first
    enum value; otherwise built from its properties.

    `schemas` are the document's components. Below 8 levels (a recursive schema) it returns
    None."""
    if depth > MAX_DEPTH:
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
