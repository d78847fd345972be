"""One declared route as an OpenAPI operation: its parameters, its body, its response, its
errors."""

import re
from collections.abc import Mapping
from typing import Any

from service.web.endpoint import SECOND_FACTOR_HEADER, Access, Endpoint
from service.web.error_shapes import shape_at
from service.web.event_streams import MIMETYPE as EVENTS
from service.web.openapi.errors import (
    SharedErrors,
    by_status,
    codes,
    error_response,
    shaped_error_response,
)

SIGN_IN = "googleIdToken"
SIGNATURE = "operatorSignature"
SERVER_KEY = "serverKey"
RESPONSE_HEADERS = ("Location", "Idempotency-Replayed")

# Any one of them does.
_SCHEMES: Mapping[Access, tuple[str, ...]] = {
    Access.PUBLIC: (),
    Access.CALLBACK_TOKEN: (),
    Access.USER: (SIGN_IN,),
    Access.OPERATOR: (SIGN_IN, SIGNATURE),
    Access.SERVER: (SERVER_KEY,),
    Access.USER_OR_SERVER: (SIGN_IN, SERVER_KEY),
}
_VARIABLE = re.compile(r"<(?:(?P<converter>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_VARIABLE_SCHEMAS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer", "minimum": 0},
    "float": {"type": "number", "minimum": 0},
    "uuid": {"type": "string", "format": "uuid"},
    "path": {"type": "string", "minLength": 1},
}
_TEXT_SEGMENT = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
_HEADER_TEXT = {"type": "string", "pattern": "^[\\x20-\\x7e]*$"}
_HEADER_SCHEMAS: dict[str, dict[str, Any]] = {
    "idempotency-key": {
        "type": "string",
        "minLength": 1,
        "maxLength": 128,
        "pattern": "^[\\x21-\\x7e]+$",
        "example": "9b2f6c1e-57d4-4a0b-8f3c-2f1f6b7c9d10",
    },
    # Whatever is no number counts as none.
    "x-stainless-retry-count": {"type": "string", "example": "0"},
    # Without a cookie it is not read, so that whatever it holds is accepted.
    "x-csrf-protection": {"type": "string", "example": "1"},
}
_SECOND_FACTOR = {
    SECOND_FACTOR_HEADER: "A proof of the operator's passkey, made within the last 15 minutes "
    "(`/docs/operators`). Needed with a token; a signed request needs none.",
}
# OpenAPI 3.1, Parameter Object: header parameters of these names are ignored, other parts of the
# document describe them.
_DESCRIBED_ELSEWHERE = {"accept", "content-type", "authorization"}


def document_path(rule: str) -> str:
    """Flask's `/jobs/<job_id>` as OpenAPI's `/jobs/{jobId}`."""
    return _VARIABLE.sub(lambda found: "{" + _camel(found["name"]) + "}", rule)


def tag_of(path: str) -> str:
    """The noun that a path begins with; routes are grouped by it."""
    return path.strip("/").partition("/")[0] or "root"


def operation(rule: str, method: str, endpoint: Endpoint, shared: SharedErrors) -> dict[str, Any]:
    """The operation, with marshmallow schemas where the document will refer to theirs."""
    path = document_path(rule)
    described: dict[str, Any] = {
        "operationId": endpoint.operation_id or _operation_id(method, path),
        "tags": [tag_of(path)],
        "summary": endpoint.summary,
        "description": endpoint.description,
        "x-access": endpoint.access.value,
        "x-internal": endpoint.internal,
        "x-declared-errors": codes(endpoint.errors),
        "parameters": _parameters(rule, endpoint),
        "responses": _responses(rule, endpoint, shared),
    }
    if endpoint.body is not None:
        described["requestBody"] = _request_body(endpoint)
        described["x-max-body-bytes"] = endpoint.max_body_bytes
    described = {
        keyword: part for keyword, part in described.items() if part not in ("", [], False)
    }
    return described | {"security": [{scheme: []} for scheme in _SCHEMES[endpoint.access]]}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _operation_id(method: str, path: str) -> str:
    words = []
    for segment in path.strip("/").split("/"):
        word = re.sub(r"\W+", "_", segment.strip("{}"))
        word = _camel(word)
        words.append(("By" if segment.startswith("{") else "") + word[:1].upper() + word[1:])
    return method.lower() + "".join(words)


def _parameters(rule: str, endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = [
        {
            "in": "path",
            "name": _camel(found["name"]),
            "required": True,
            "schema": dict(_VARIABLE_SCHEMAS.get(found["converter"] or "", _TEXT_SEGMENT)),
        }
        for found in _VARIABLE.finditer(rule)
    ]
    in_query: list[dict[str, Any]] = (
        [{"in": "query", "schema": endpoint.query}] if endpoint.query else []
    )
    headers = {**(endpoint.headers or {}), **(_SECOND_FACTOR if endpoint.second_factor else {})}
    return in_path + in_query + _header_parameters(headers)


def _header_parameters(headers: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "in": "header",
            "name": name,
            "required": False,
            "description": text,
            "schema": dict(_HEADER_SCHEMAS.get(name.lower(), _HEADER_TEXT)),
        }
        for name, text in headers.items()
        if name.lower() not in _DESCRIBED_ELSEWHERE and name not in RESPONSE_HEADERS
    ]


def _request_body(endpoint: Endpoint) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": endpoint.body}
    if endpoint.example is not None:
        media["example"] = dict(endpoint.example)
    return {
        "required": endpoint.body_required,
        "description": f"JSON, at most {_size(endpoint.max_body_bytes)}. Fields not listed here "
        "are refused.",
        "content": {"application/json": media},
    }


def _size(count: int) -> str:
    """Returns bytes in the biggest unit that divides them evenly."""
    if count % 1024**2 == 0:
        return f"{count // 1024**2} MiB"
    return f"{count // 1024} KiB" if count % 1024 == 0 else f"{count:,} bytes"


def _responses(rule: str, endpoint: Endpoint, shared: SharedErrors) -> dict[str, Any]:
    always = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    declared = {**always, **_response_headers(endpoint)}
    responses = {str(status): _body(endpoint, status, declared) for status in endpoint.statuses}
    shape = shape_at(shared.shapes, rule)
    kinds = [*endpoint.errors, *shared.of(endpoint)]
    for status, group in by_status(kinds, shape).items():
        own = any(kind in endpoint.errors for kind in group)
        headers = dict(declared if own else always)
        responses[str(status)] = (
            shaped_error_response(status, group, headers, shape)
            if shape
            else error_response(status, group, headers)
        )
    return responses


def _response_headers(endpoint: Endpoint) -> dict[str, Any]:
    texts = {
        name: text for name, text in (endpoint.headers or {}).items() if name in RESPONSE_HEADERS
    }
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()
    }


def _body(endpoint: Endpoint, status: int, headers: dict[str, Any]) -> dict[str, Any]:
    text = "Success" if status < 400 else "The fields of 200, and what is wrong."
    described: dict[str, Any] = {"description": text, "headers": headers}
    if endpoint.bare and endpoint.response is None:
        return described
    return {**described, "content": _media(endpoint)}


def _media(endpoint: Endpoint) -> dict[str, Any]:
    schema: Any = endpoint.response if endpoint.bare else _enveloped(endpoint)
    others = ["text/csv"] if endpoint.csv else []
    others += endpoint.formats
    media: dict[str, Any] = {each: {"schema": {"type": "string"}} for each in others}
    if endpoint.events:
        # Of each event, as tools read it. OpenAPI 3.1 has no schema for a stream of them.
        media[EVENTS] = {"schema": {}}
    if endpoint.events and endpoint.response is None:
        return media
    return {"application/json": {"schema": schema}} | media


def _enveloped(endpoint: Endpoint) -> dict[str, Any]:
    data: Any = endpoint.response or {"type": "null"}
    return {
        "type": "object",
        "required": ["success", "data"],
        "additionalProperties": False,
        "properties": {"success": {"type": "boolean", "const": True}, "data": data},
    }
