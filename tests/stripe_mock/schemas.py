"""Compares objects, and the parameters of operations, with Stripe's OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from devstack.simulators.stripe.parameters import (
    Either,
    Fields,
    Flag,
    Kind,
    ListOf,
    OneOf,
    Text,
    Whole,
    WordOr,
)
from tests.stripe_mock.mock import description

Schema = Mapping[str, Any]
_TYPES = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}


def schema_of(kind: str) -> Schema:
    """The schema of objects whose `object` is `kind`."""
    for name, schema in description()["components"]["schemas"].items():
        named = schema.get("properties", {}).get("object", {}).get("enum", ())
        if list(named) == [kind] and not name.startswith("deleted_"):
            found: Schema = schema
            return found
    raise AssertionError(f"the document has no object {kind}")


def _resolved(schema: Schema) -> Schema:
    if "$ref" in schema:
        found: Schema = description()["components"]["schemas"][schema["$ref"].split("/")[-1]]
        return found
    return schema


def faults(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """What contradicts the schema: a type, a word that is not listed, a field that is missing or
    unknown."""
    schema = _resolved(schema)
    if value is None:
        if not schema.get("nullable"):
            yield f"{path} is null"
    elif "anyOf" in schema:
        found = [list(faults(value, each, path)) for each in schema["anyOf"]]
        yield from min(found, key=len)
    elif schema.get("enum") and value not in schema["enum"]:
        yield f"{path} is {value!r}"
    elif "properties" in schema or schema.get("type") == "object":
        yield from _object_faults(value, schema, path)
    elif schema.get("type") == "array":
        for each in value:
            yield from faults(each, schema["items"], f"{path}[]")
    else:
        yield from _type_faults(value, schema, path)


def _type_faults(value: Any, schema: Schema, path: str) -> Iterator[str]:
    wanted = _TYPES[schema["type"]]
    if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
        yield f"{path} is {value!r}, no {schema['type']}"


def _object_faults(value: Any, schema: Schema, path: str) -> Iterator[str]:
    known = schema.get("properties")
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    if known is None:
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is missing"
    for name, each in value.items():
        if name in known:
            yield from faults(each, known[name], f"{path}.{name}")
        elif not schema.get("additionalProperties"):
            yield f"{path}.{name} is unknown"


def parameters_of(operation: Schema) -> Schema:
    """The parameters of an operation, of its query and its body, as one schema."""
    query = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    return {
        "type": "object",
        "properties": {each["name"]: each["schema"] for each in query} | body.get("properties", {}),
        "required": [each["name"] for each in query if each.get("required")]
        + list(body.get("required", ())),
    }


def differences(kind: Kind, schema: Schema, path: str) -> Iterator[str]:
    """Where a parameter is read otherwise than the schema says."""
    choices = list(_choices(schema))
    match kind:
        case Fields():
            yield from _field_differences(kind, choices, path)
        case ListOf():
            yield from _list_differences(kind, choices, path)
        case OneOf():
            words = {word for each in choices for word in each.get("enum", ())}
            ours = {*kind.words, *([""] if kind.clearable else [])}
            yield from (f"{path}: {word!r}" for word in sorted(words ^ ours))
        case Either():
            yield from differences(kind.first, schema, path)
            yield from differences(kind.second, schema, path)
        case WordOr():
            yield from differences(kind.other, schema, path)
        case Text() | Whole() | Flag():
            yield from _plain_differences(kind, choices, path)


def _choices(schema: Schema) -> Iterator[Schema]:
    for each in schema.get("anyOf", (schema,)):
        if "anyOf" in each:
            yield from _choices(each)
        else:
            yield each


def _list_differences(kind: ListOf, choices: list[Schema], path: str) -> Iterator[str]:
    lists = [each for each in choices if each.get("type") == "array"]
    if not lists:
        yield f"{path} is no list"
    for each in lists[:1]:
        yield from differences(kind.element, each["items"], f"{path}[]")


def _field_differences(kind: Fields, choices: list[Schema], path: str) -> Iterator[str]:
    described = [each for each in choices if "properties" in each]
    if not kind.kinds and not described:
        return
    if not described:
        yield f"{path} has no fields"
        return
    [schema] = described[:1]
    for name in sorted(kind.required ^ set(schema.get("required", ()))):
        yield f"{path}.{name} is required on one side"
    for name, inner in kind.kinds.items():
        if name not in schema["properties"]:
            yield f"{path}.{name} is unknown"
        else:
            yield from differences(inner, schema["properties"][name], f"{path}.{name}")


def _plain_differences(
    kind: Text | Whole | Flag, choices: list[Schema], path: str
) -> Iterator[str]:
    name = {Text: "string", Whole: "integer", Flag: "boolean"}[type(kind)]
    typed = [each for each in choices if each.get("type") == name and not each.get("enum")]
    if not typed:
        yield f"{path} is no {name}"
    lengths = {each["maxLength"] for each in typed if each.get("maxLength")}
    if isinstance(kind, Text) and lengths and kind.maximum not in lengths:
        yield f"{path} has at most {lengths} characters"
