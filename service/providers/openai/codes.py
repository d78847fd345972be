"""What OpenAI's error codes mean, in responses and inside streams alike
(https://platform.openai.com/docs/guides/error-codes).

429 is two families: a rate limit passes by itself, a quota needs an operator
(https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy/concepts/openai-insufficient-quota)."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from service.providers.base import RejectionReason
from service.providers.generation import FinishReason, VendorFault
from service.providers.http import Reply
from service.providers.text_calls import VendorError

_QUOTA = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
)
_CONTENT = (
    "content_policy_violation",
    "content_filter",
    "invalid_prompt",
    "bio_policy",
    "misalignment_policy_violation",
)
_CONTEXT = ("context_length_exceeded", "string_above_max_length")
_REFUSES_US = (
    "invalid_api_key",
    "account_deactivated",
    "model_not_found",
    "unsupported_country_region_territory",
    "unsupported_parameter",
    "unsupported_value",
    "unknown_parameter",
    "missing_required_parameter",
    "invalid_value",
    "invalid_type",
    "integer_below_min_value",
    "integer_above_max_value",
)
_OVERLOADED = ("server_overloaded", "engine_overloaded", "overloaded_error")
_SERVER = ("server_error", "internal_error", "vector_store_timeout")
REQUEST_TIMEOUT = 408

CODES: Mapping[str, VendorError] = MappingProxyType(
    {
        error.code: error
        for error in (
            *(
                VendorError(code, RejectionReason.BUSY, VendorFault.THROTTLED)
                for code in ("rate_limit_exceeded", "slow_down")
            ),
            *(
                VendorError(code, RejectionReason.UNAVAILABLE, VendorFault.THROTTLED, ours=True)
                for code in _QUOTA
            ),
            *(
                VendorError(code, RejectionReason.CONTENT, finish=FinishReason.CONTENT)
                for code in _CONTENT
            ),
            *(
                VendorError(code, RejectionReason.CONTEXT, finish=FinishReason.LENGTH)
                for code in _CONTEXT
            ),
            *(VendorError(code, RejectionReason.UNAVAILABLE, ours=True) for code in _REFUSES_US),
            *(
                VendorError(code, RejectionReason.BUSY, VendorFault.OVERLOADED)
                for code in _OVERLOADED
            ),
            *(
                VendorError(code, RejectionReason.UNAVAILABLE, VendorFault.SERVER_ERROR)
                for code in _SERVER
            ),
        )
    }
)
_OF_TYPE = {
    "rate_limit_error": CODES["rate_limit_exceeded"],
    "insufficient_quota": CODES["insufficient_quota"],
    "server_error": CODES["server_error"],
}
_BUSY = VendorError("other", RejectionReason.BUSY, VendorFault.THROTTLED)
_REFUSED = VendorError("other", RejectionReason.UNAVAILABLE, ours=True)
_UNKNOWN = VendorError("other", RejectionReason.UNAVAILABLE)


def error_in_stream(error: Mapping[str, Any]) -> VendorError:
    """What an error of a stream means, by its code or else its type. One without either is the
    vendor's own fault; one that is in no list is an ending like any other, as `protocol.md` 10
    has it."""
    found = _named(error)
    if found is not None:
        return found
    named = any(isinstance(error.get(name), str) and error[name] for name in ("code", "type"))
    return _UNKNOWN if named else CODES["server_error"]


def error_in_response(reply: Reply, retry_after_seconds: int | None) -> VendorError:
    """What a response with another status than 200 means. Certain is only a 4xx that has OpenAI's
    own form; 408 may mean that the model has begun."""
    error = _body(reply)
    if error is None or not 400 <= reply.status < 500 or reply.status == REQUEST_TIMEOUT:
        return _uncertain(reply.status)
    found = _named(error) or (_BUSY if reply.status == 429 else _REFUSED)
    return replace(found, retry_after_seconds=retry_after_seconds)


def _uncertain(status: int) -> VendorError:
    fault = {503: VendorFault.OVERLOADED, REQUEST_TIMEOUT: VendorFault.STALLED}.get(
        status, VendorFault.SERVER_ERROR
    )
    return VendorError("none", RejectionReason.UNAVAILABLE, fault, certain=False)


def _named(error: Mapping[str, Any]) -> VendorError | None:
    code, kind = error.get("code"), error.get("type")
    found = CODES.get(code) if isinstance(code, str) else None
    return found or (_OF_TYPE.get(kind) if isinstance(kind, str) else None)


def _body(reply: Reply) -> Mapping[str, Any] | None:
    """The error in OpenAI's own form, None if the response has another."""
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    return error
