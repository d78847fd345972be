"""The OpenAPI document as the readable page needs it: plain rows of text, one `RouteView` for each
operation."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from service.web.endpoint import Access
from service.web.openapi.examples import is_nullable, main_type, resolve
from service.web.openapi.schemas import Document, operations

DEEPEST_ROW = 5

_RETRY_KEY = "idempotency-key"


@dataclass(frozen=True)
class Row:
    """A parameter or a field: its name (dotted inside an object), where it goes, what it may be,
    what it means."""

    name: str
    kind: str
    required: bool
    text: str
    limits: str = ""
    where: str = ""

    @property
    def steps(self) -> list[str]:
        """The name in the pieces between which a line may break."""
        return re.findall(r"[^.]+\.?", self.name)


@dataclass(frozen=True)
class ErrorRow:
    code: str
    status: int
    meaning: str
    advice: str
    retry_after_seconds: int | None
    example: str


@dataclass(frozen=True)
class Curl:
    """A ready command around the service's address: `before` + address + `after`."""

    before: str
    after: str


@dataclass(frozen=True)
class RouteView:
    anchor: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    access: str
    signed_in: bool
    parameters: list[Row]
    fields: list[Row]
    body_text: str
    enveloped: bool
    answer_rows: list[Row]
    answer: str
    answer_headers: list[Row]
    curl: Curl
    errors: list[ErrorRow]
    shared_errors: list[ErrorRow]


def route_views(document: Document) -> list[RouteView]:
    """Every operation, in the document's order."""
    return [
        _route_view(document, path, method, described)
        for path, method, described in operations(document)
    ]


def error_views(document: Document) -> list[ErrorRow]:
    """Every code of the document, by status and code."""
    examples = document["components"]["examples"]
    return [
        ErrorRow(
            code=entry["code"],
            status=entry["status"],
            meaning=entry["meaning"],
            advice=entry["advice"],
            retry_after_seconds=entry["retryAfterSeconds"],
            example=as_json(examples[entry["code"]]["value"]),
        )
        for entry in document["x-error-codes"]
    ]


def as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _route_view(
    document: Document, path: str, method: str, described: Mapping[str, Any]
) -> RouteView:
    schemas = document["components"]["schemas"]
    own, shared = _errors(document, described)
    answer_schema, answer = _json_content(described["responses"]["200"])
    envelope = answer_schema.get("properties", {})
    body_schema, _ = _json_content(described.get("requestBody", {}))
    return RouteView(
        anchor=described["operationId"],
        tag=described["tags"][0],
        method=method,
        path=path,
        summary=described["summary"],
        description=described.get("description", ""),
        access=described["x-access"],
        signed_in=described["x-access"] == Access.USER.value,
        parameters=[
            _parameter_row(parameter, schemas) for parameter in described.get("parameters", [])
        ],
        fields=list(_field_rows(body_schema, schemas)),
        body_text=described.get("requestBody", {}).get("description", ""),
        enveloped="data" in envelope,
        answer_rows=list(_field_rows(envelope.get("data", answer_schema), schemas)),
        answer=as_json(answer) if answer_schema else "",
        answer_headers=_answer_headers(described),
        curl=curl_command(path, method, described),
        errors=own,
        shared_errors=shared,
    )


def _errors(
    document: Document, described: Mapping[str, Any]
) -> tuple[list[ErrorRow], list[ErrorRow]]:
    """The errors that the route declares, and those that it shares with others."""
    declared = described.get("x-declared-errors", [])
    answered = {code for response in described["responses"].values() for code in _codes(response)}
    rows = [row for row in error_views(document) if row.code in answered]
    return [row for row in rows if row.code in declared], [
        row for row in rows if row.code not in declared
    ]


def _codes(response: Mapping[str, Any]) -> list[str]:
    return list(response.get("content", {}).get("application/json", {}).get("examples", {}))


def _json_content(holder: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    media = holder.get("content", {}).get("application/json", {})
    return media.get("schema", {}), media.get("example")


def _answer_headers(described: Mapping[str, Any]) -> list[Row]:
    headers = described["responses"]["200"]["headers"]
    named = {name: header for name, header in headers.items() if "$ref" not in header}
    return [
        Row(name, "string", required=False, text=header["description"])
        for name, header in named.items()
    ]


def _parameter_row(parameter: Mapping[str, Any], schemas: Mapping[str, Any]) -> Row:
    return Row(
        name=parameter["name"],
        kind=kind_of(parameter["schema"], schemas),
        required=parameter.get("required", False),
        text=parameter.get("description", ""),
        limits=limits_of(parameter["schema"]),
        where=parameter["in"],
    )


def _field_rows(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[Row]:
    """The fields of an object, those of the objects inside it (as `outer.inner`, `list[].inner`)
    after each."""
    schema = resolve(schema, schemas)
    for name, part in schema.get("properties", {}).items():
        seen = resolve(part, schemas)
        yield Row(
            name=prefix + name,
            kind=kind_of(part, schemas),
            required=name in schema.get("required", []),
            text=seen.get("description", ""),
            limits=limits_of(seen),
        )
        inner = seen.get("items", {}) if main_type(seen) == "array" else seen
        mark = "[]." if main_type(seen) == "array" else "."
        if depth < DEEPEST_ROW:
            yield from _field_rows(inner, schemas, f"{prefix}{name}{mark}", depth + 1)


def kind_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What a value may be, in words: "array of string", "string or null", "integer"."""
    seen = resolve(schema, schemas)
    kind = main_type(seen)
    if kind == "array":
        kind = f"array of {kind_of(seen.get('items', {}), schemas)}"
    return f"{kind} or null" if is_nullable(schema) else kind


def limits_of(schema: Mapping[str, Any]) -> str:
    """The bounds of a value in words; empty if it has none that are worth telling."""
    parts = [
        _range(schema, "minLength", "maxLength", "characters"),
        _range(schema, "minItems", "maxItems", "items"),
    ]
    parts.append(_range(schema, "minimum", "maximum", ""))
    choices = [json.dumps(choice, ensure_ascii=False) for choice in schema.get("enum", [])]
    if choices:
        parts.append("one of " + ", ".join(choices))
    if "format" in schema:
        parts.append(f"format {schema['format']}")
    if schema.get("default") is not None:
        parts.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}")
    return "; ".join(part for part in parts if part)


def _range(schema: Mapping[str, Any], least: str, most: str, unit: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if high is None and (low is None or (unit and low <= 1)):
        return ""
    if high is None:
        words = f"at least {low:,}"
    elif low is None:
        words = f"at most {high:,}"
    else:
        words = f"{low:,} to {high:,}" if low != high else f"exactly {low:,}"
    return f"{words} {unit}".strip()


def curl_command(path: str, method: str, described: Mapping[str, Any]) -> Curl:
    """A command that a shell takes as it is; `$ID_TOKEN` stands for the user's token."""
    parameters = described.get("parameters", [])
    options = []
    if "security" in described:
        options.append('-H "Authorization: Bearer $ID_TOKEN"')
    if any(parameter["name"].lower() == _RETRY_KEY for parameter in parameters):
        options.append('-H "Idempotency-Key: $(uuidgen)"')
    if "requestBody" in described:
        _, example = _json_content(described["requestBody"])
        options += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(as_json(example))}"]
    flag = (
        ""
        if method == "GET" or (method == "POST" and "requestBody" in described)
        else f"-X {method} "
    )
    lines = [f"{_filled(path, parameters)}'", *options]
    return Curl(before=f"curl {flag}'", after=" \\\n  ".join(lines))


def _filled(path: str, parameters: list[dict[str, Any]]) -> str:
    """The path with examples in its places and the query parameters that are needed; a place
    without an example is a word in capitals."""
    needed = {
        each["name"]: each["schema"]
        for each in parameters
        if each["in"] in ("path", "query") and each["required"]
    }
    values = {
        name: str(schema.get("example", _placeholder(name))) for name, schema in needed.items()
    }
    query = {
        each["name"]: values[each["name"]]
        for each in parameters
        if each["in"] == "query" and each["required"]
    }
    filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], _placeholder(found[1])), path)
    return f"{filled}?{urlencode(query)}" if query else filled


def _placeholder(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
