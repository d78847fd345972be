"""What can go wrong, as the OpenAPI document describes it: responses by status, an example for
every code, the list of all codes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from service.core.errors import FareboxError
from service.web.endpoint import OF_BACK_ENDS, OF_USERS, Access, Endpoint
from service.web.error_shapes import ErrorShape
from service.web.errors import status_of
from service.web.request_errors import ANY_ROUTE, ROUTING, WITH_BODY, WITH_QUERY

ENVELOPE = "ErrorResponse"
ERROR_CODE = "ErrorCode"
REQUEST_ID = "req_01kbx3v9m2t7q8r5w6y4z1h0ce"

_HEADERS = {
    401: {"WWW-Authenticate": {"$ref": "#/components/headers/Authenticate"}},
    405: {"Allow": {"$ref": "#/components/headers/Allow"}},
    429: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
    503: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
}

Kind = type[FareboxError]

_ADVICE = {
    400: "Correct the request. Unchanged, it will be refused again.",
    401: "Sign in again and send a fresh token.",
    403: "Do not repeat it: show the user the reason and what they can do about it.",
    404: "Check the address and the id in it.",
    405: "Use one of the methods listed for this address.",
    408: "Send the whole request at once. Nothing was done.",
    409: "Read the present state, then decide again.",
    413: "Send less.",
    414: "Send a shorter address.",
    415: "Send `Content-Type: application/json`.",
    422: "Send a new request under a new key; repeat an old one unchanged.",
    429: "Wait as long as `Retry-After` says, then repeat.",
    431: "Send fewer or shorter headers.",
    500: "Repeat, with the same `Idempotency-Key` if you sent one. If it stays, tell us the "
    "`requestId`.",
    502: "Nothing was charged. Try again later.",
    503: "Wait as long as `Retry-After` says, then repeat, with the same `Idempotency-Key` if you "
    "sent one.",
}

# Names of our own: Python's differ from version to version.
_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "PaymentRequired",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "Conflict",
    413: "ContentTooLarge",
    414: "AddressTooLong",
    415: "UnsupportedMediaType",
    422: "UnprocessableContent",
    429: "TooManyRequests",
    431: "HeadersTooLarge",
    500: "InternalError",
    502: "BadGateway",
    503: "ServiceUnavailable",
}


@dataclass(frozen=True, kw_only=True)
class SharedErrors:
    """The errors that routes return without declaring them. What only signed-in callers, back ends
    and operators can meet, and those whose sign-in must be fresh or who need a second factor, is
    for others to say. `shapes` are for addresses whose errors have another shape."""

    signed_in: tuple[Kind, ...] = ()
    server: tuple[Kind, ...] = ()
    operator: tuple[Kind, ...] = ()
    fresh: tuple[Kind, ...] = ()
    second_factor: tuple[Kind, ...] = ()
    any_route: tuple[Kind, ...] = ANY_ROUTE + ROUTING
    with_body: tuple[Kind, ...] = WITH_BODY
    with_query: tuple[Kind, ...] = WITH_QUERY
    shapes: tuple[ErrorShape, ...] = ()

    def of(self, endpoint: Endpoint) -> list[Kind]:
        """The errors of that route besides those that it declares."""
        kinds = list(self.any_route)
        if endpoint.access in OF_USERS:
            kinds += self.signed_in
        if endpoint.access in OF_BACK_ENDS:
            kinds += self.server
        if endpoint.access is Access.OPERATOR:
            kinds += self.operator
        if endpoint.fresh:
            kinds += self.fresh
        if endpoint.second_factor:
            kinds += self.second_factor
        if endpoint.body is not None:
            kinds += self.with_body
        if endpoint.query is not None:
            kinds += self.with_query
        declared = codes(endpoint.errors)
        return [kind for kind in distinct(kinds) if kind.code not in declared]


def distinct(kinds: Iterable[Kind]) -> list[Kind]:
    """One kind for each code, in the order given."""
    first: dict[str, Kind] = {}
    for kind in kinds:
        first.setdefault(kind.code, kind)
    return list(first.values())


def codes(kinds: Iterable[Kind]) -> list[str]:
    return [kind.code for kind in kinds]


def by_status(kinds: Iterable[Kind], shape: ErrorShape | None = None) -> dict[int, list[Kind]]:
    """The kinds under their statuses, lowest status first."""
    groups: dict[int, list[Kind]] = {}
    for kind in distinct(kinds):
        usual = status_of(kind)
        status = shape.status(kind, usual) if shape else usual
        groups.setdefault(status, []).append(kind)
    return dict(sorted(groups.items()))


def error_response(status: int, kinds: Sequence[Kind], headers: dict[str, Any]) -> dict[str, Any]:
    """One status of one route: the one envelope of all errors, and an example of each code that may
    come with it. The schema is not narrowed to those codes: generators would make a class of
    each, and a union of all of them for every route."""
    return {
        "description": f"{_phrase(status)}: {', '.join(codes(kinds))}",
        "headers": {**headers, **_HEADERS.get(status, {})},
        "content": {
            "application/json": {
                "schema": {"$ref": f"#/components/schemas/{ENVELOPE}"},
                "examples": {
                    code: {"$ref": f"#/components/examples/{code}"} for code in codes(kinds)
                },
            }
        },
    }


def shaped_error_response(
    status: int, kinds: Sequence[Kind], headers: dict[str, Any], shape: ErrorShape
) -> dict[str, Any]:
    """As `error_response`, for an address whose errors have that shape."""
    described = error_response(status, kinds, headers)
    media = described["content"]["application/json"]
    media["schema"] = {"$ref": f"#/components/schemas/{shape.name}"}
    media["examples"] = {
        kind.code: {"summary": kind.summary, "value": shape.body(_example(kind), status)}
        for kind in kinds
    }
    return described


def _example(kind: Kind) -> FareboxError:
    """Without its own constructor, which may take other arguments."""
    error = kind.__new__(kind)
    FareboxError.__init__(error, details=kind.details_example)
    return error


def response_name(status: int) -> str:
    """The name of the response to errors of that status in `components.responses`."""
    return _NAMES[status]


def _phrase(status: int) -> str:
    """The name as words: "Bad request"."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", _NAMES[status]).capitalize()


def error_example(kind: Kind) -> dict[str, Any]:
    """The full body of that error. A class says with `details_example` what its `details` look
    like."""
    body = {
        "success": False,
        "error": kind.summary,
        "code": kind.code,
        "details": dict(kind.details_example),
        "requestId": REQUEST_ID,
    }
    return {"summary": kind.summary, "value": body}


def catalogue(kinds: Iterable[Kind]) -> list[dict[str, Any]]:
    """Every code with its status, meaning, advice (the class's own `advice`, else that of its
    status) and the seconds to wait, in the words of the most general class of each code.

    Raises `LookupError` for two unrelated errors under one code."""
    known = broadest(kinds)
    entries = [_entry(kind, status_of(kind)) for kind in known.values()]
    return sorted(entries, key=lambda entry: (entry["status"], entry["code"]))


def broadest(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """The class of each code from which the others of that code derive. Raises `LookupError` for
    two unrelated errors under one code."""
    known: dict[str, Kind] = {}
    for kind in kinds:
        other = known.setdefault(kind.code, kind)
        if not (issubclass(kind, other) or issubclass(other, kind)):
            raise LookupError(f"{kind.__name__} and {other.__name__} share the code {kind.code}")
        if issubclass(other, kind):
            known[kind.code] = kind
    return known


def _entry(kind: Kind, status: int) -> dict[str, Any]:
    return {
        "code": kind.code,
        "status": status,
        "meaning": kind.summary,
        "advice": kind.advice or _ADVICE.get(status, ""),
        "retryAfterSeconds": kind.retry_after,
    }


def code_schema(kinds: Iterable[Kind]) -> dict[str, Any]:
    """One type of all codes, so that a misspelt one is found when a client is compiled."""
    return {
        "type": "string",
        "description": "The stable word for programs. Versions may add codes: treat an unknown one "
        "like its status.",
        "enum": sorted(broadest(kinds)),
    }


def envelope_schema() -> dict[str, Any]:
    """The one shape of every error."""
    return {
        "type": "object",
        "description": "The body of every error.",
        "required": ["success", "error", "code", "details", "requestId"],
        "additionalProperties": False,
        "properties": {
            "success": {"type": "boolean", "const": False},
            "error": {
                "type": "string",
                "description": "A sentence for people. It may change: branch on `code`.",
            },
            "code": {"$ref": f"#/components/schemas/{ERROR_CODE}"},
            "details": _details_schema(),
            "requestId": {
                "type": "string",
                "description": "Quote it when you report a problem; also in `X-Request-Id`.",
            },
        },
    }


def _details_schema() -> dict[str, Any]:
    """The facts that several codes share; others may come with one code alone."""
    return {
        "type": "object",
        "description": "Facts that belong to the code.",
        "properties": {
            "jobId": {"type": "string", "description": "The job that the request made or named."},
            "fields": {
                "type": "object",
                "description": "What is wrong, by field.",
                "additionalProperties": True,
            },
            "required": {"type": "number", "description": "Credits that the request costs."},
            "available": {"type": "number", "description": "Credits that can be spent."},
        },
        "additionalProperties": True,
    }
