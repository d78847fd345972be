"""Errors as OpenAI's clients read them
(https://platform.openai.com/docs/guides/error-codes).

In a file of its own because it is for every address below `/v1`, also for those that no route of
ours has."""

from collections.abc import Mapping
from typing import Any

from service.core.errors import FareboxError
from service.ledger.entities import InsufficientCredits
from service.web.request_errors import ValidationFailed

PREFIX = "/v1/"
SHOULD_RETRY = "x-should-retry"
# Their clients repeat a 429 by themselves, but never this.
PAYMENT_REQUIRED = 402
_TYPES = {401: "authentication_error", 402: "insufficient_quota", 403: "permission_error"}
_RATE_LIMITED = 429


class OpenAiErrors:
    """See `service.web.error_shapes.ErrorShape` for what its methods promise."""

    prefix = PREFIX
    name = "OpenAiErrorResponse"
    schema: Mapping[str, Any] = {
        "type": "object",
        "description": "The body of every error below /v1.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string", "description": "A sentence for people."},
                    "type": {"type": "string", "description": "The kind of error."},
                    "param": {
                        "type": ["string", "null"],
                        "description": "The parameter that it is about.",
                    },
                    "code": {"$ref": "#/components/schemas/ErrorCode"},
                    "details": {
                        "type": "object",
                        "description": "Facts that belong to the code; OpenAI has none.",
                        "additionalProperties": True,
                    },
                },
            }
        },
    }

    def status(self, kind: type[FareboxError], usual: int) -> int:
        return PAYMENT_REQUIRED if issubclass(kind, InsufficientCredits) else usual

    def body(self, error: FareboxError, status: int) -> Mapping[str, object]:
        return {"error": error_of(error, status)}

    def headers(self, error: FareboxError) -> Mapping[str, str]:
        """What names a job came after its hold: to send it again would be another job."""
        return {SHOULD_RETRY: "false"} if "jobId" in error.details else {}


def error_of(error: FareboxError, status: int = 500) -> dict[str, object]:
    """The error object. `status` is that of its response; in a stream it has none."""
    param, message = _param_and_message(error)
    return {
        "message": message,
        "type": _type_of(status),
        "param": param,
        "code": error.code,
        "details": {name: value for name, value in error.details.items() if name != "param"},
    }


def _type_of(status: int) -> str:
    if status >= 500:
        return "server_error"
    if status == _RATE_LIMITED:
        return "rate_limit_error"
    return _TYPES.get(status, "invalid_request_error")


def _param_and_message(error: FareboxError) -> tuple[str | None, str]:
    """A body that breaks its schema is named by its first fault, as OpenAI does."""
    if isinstance(error, ValidationFailed):
        fields = error.details.get("fields")
        first = _first_fault(fields) if isinstance(fields, Mapping) else None
        if first:
            return first[0], f"{first[0]}: {first[1]}"
    param = error.details.get("param")
    return (param if isinstance(param, str) else None), error.message


def _first_fault(faults: Mapping[Any, Any], path: str = "") -> tuple[str, str] | None:
    """As (`messages[0].content`, what is wrong with it)."""
    for name, below in faults.items():
        here = f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}".lstrip(".")
        if isinstance(below, Mapping):
            found = _first_fault(below, here)
            if found:
                return found
        elif below:
            return here, str(below[0])
    return None
