"""What can go wrong, as the OpenAPI document describes it: responses by status, an example for
every code, the list of all codes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from service.core.errors import FareboxError
from service.web.endpoint import Access, Endpoint
from service.web.errors import status_of
from service.web.request_errors import ANY_ROUTE, ROUTING, WITH_BODY, WITH_QUERY

ENVELOPE = "ErrorEnvelope"
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
    401: "Sign in again and send a fresh ID token.",
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


@dataclass(frozen=True, kw_only=True)
class SharedErrors:
    """The errors that routes return without declaring them. What only signed-in callers can meet is
    identity's to say."""

    signed_in: tuple[Kind, ...] = ()
    any_route: tuple[Kind, ...] = ANY_ROUTE + ROUTING
    with_body: tuple[Kind, ...] = WITH_BODY
    with_query: tuple[Kind, ...] = WITH_QUERY

    def of(self, endpoint: Endpoint) -> list[Kind]:
        """The errors of that route besides those that it declares."""
        kinds = list(self.any_route)
        if endpoint.access is Access.USER:
            kinds += self.signed_in
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


def by_status(kinds: Iterable[Kind]) -> dict[int, list[Kind]]:
    """The kinds under their statuses, lowest status first."""
    groups: dict[int, list[Kind]] = {}
    for kind in distinct(kinds):
        groups.setdefault(status_of(kind), []).append(kind)
    return dict(sorted(groups.items()))


def error_response(status: int, kinds: Sequence[Kind], headers: dict[str, Any]) -> dict[str, Any]:
    """One status of one route: the envelope narrowed to the codes that may come with it, and an
    example of each."""
    narrowed = {"type": "object", "properties": {"code": {"enum": codes(kinds)}}}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(codes(kinds))}",
        "headers": {**headers, **_HEADERS.get(status, {})},
        "content": {
            "application/json": {
                "schema": {"allOf": [{"$ref": f"#/components/schemas/{ENVELOPE}"}, narrowed]},
                "examples": {
                    code: {"$ref": f"#/components/examples/{code}"} for code in codes(kinds)
                },
            }
        },
    }


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
    status) and the seconds to wait.

    Raises `LookupError` for two unrelated errors under one code."""
    known: dict[str, Kind] = {}
    for kind in kinds:
        other = known.setdefault(kind.code, kind)
        if not (issubclass(kind, other) or issubclass(other, kind)):
            raise LookupError(f"{kind.__name__} and {other.__name__} share the code {kind.code}")
    entries = [_entry(kind, status_of(kind)) for kind in known.values()]
    return sorted(entries, key=lambda entry: (entry["status"], entry["code"]))


def _entry(kind: Kind, status: int) -> dict[str, Any]:
    return {
        "code": kind.code,
        "status": status,
        "meaning": kind.summary,
        "advice": kind.advice or _ADVICE.get(status, ""),
        "retryAfterSeconds": kind.retry_after,
    }


def envelope_schema() -> dict[str, Any]:
    """The one shape of every error."""
    return {
        "type": "object",
        "required": ["success", "error", "code", "details", "requestId"],
        "additionalProperties": False,
        "properties": {
            "success": {"const": False},
            "error": {
                "type": "string",
                "description": "A sentence for people. It may change: branch on `code`.",
            },
            "code": {"type": "string", "description": "The stable word for programs."},
            "details": {
                "type": "object",
                "description": "Facts that belong to the code.",
                "additionalProperties": True,
            },
            "requestId": {
                "type": "string",
                "description": "Quote it when you ask for help; also in `X-Request-Id`.",
            },
        },
    }
