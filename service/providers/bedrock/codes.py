"""What Bedrock's errors mean, in responses and inside streams alike
(https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html).

An error inside a stream has the same name with a small first letter."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from service.providers.base import RejectionReason
from service.providers.generation import FinishReason, VendorFault
from service.providers.http import Reply
from service.providers.text_calls import VendorError

_REFUSES_US = (
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "ResourceNotFoundException",
    "ServiceQuotaExceededException",
    "UnrecognizedClientException",
    "ValidationException",
)
CODES: Mapping[str, VendorError] = MappingProxyType(
    {
        error.code: error
        for error in (
            *(VendorError(code, RejectionReason.UNAVAILABLE, ours=True) for code in _REFUSES_US),
            VendorError("ThrottlingException", RejectionReason.BUSY, VendorFault.THROTTLED),
            VendorError("ModelNotReadyException", RejectionReason.BUSY, VendorFault.OVERLOADED),
            VendorError(
                "ServiceUnavailableException", RejectionReason.BUSY, VendorFault.OVERLOADED
            ),
            VendorError(
                "InternalServerException", RejectionReason.UNAVAILABLE, VendorFault.SERVER_ERROR
            ),
            VendorError(
                "ModelErrorException", RejectionReason.UNAVAILABLE, VendorFault.SERVER_ERROR
            ),
            VendorError(
                "ModelStreamErrorException", RejectionReason.UNAVAILABLE, VendorFault.SERVER_ERROR
            ),
            VendorError("ModelTimeoutException", RejectionReason.UNAVAILABLE, VendorFault.STALLED),
        )
    }
)
# The model may have worked for a request that ended like this.
_UNCERTAIN = {
    "InternalServerException",
    "ModelErrorException",
    "ModelTimeoutException",
    "ServiceUnavailableException",
}
_CONTEXT = VendorError("ValidationException", RejectionReason.CONTEXT, finish=FinishReason.LENGTH)
# Of a request that is wrong, only the text says how.
_TOO_LONG = re.compile(
    r"\binput is too long\b|\bprompt is too long\b|\btoo many (?:input )?tokens\b"
    r"|\bmaximum (?:context|number of) (?:length|tokens|input tokens)\b|\bcontext window\b",
    re.IGNORECASE,
)
UNKNOWN = VendorError("other", RejectionReason.UNAVAILABLE)
BROKEN = VendorError("none", RejectionReason.UNAVAILABLE, VendorFault.SERVER_ERROR)


def error_in_stream(kind: str, message: str) -> VendorError:
    """What an exception inside a stream means. One that no list has is an ending like any other, as
    `protocol.md` 10 has it."""
    return _named(kind[:1].upper() + kind[1:], message) or UNKNOWN


def error_in_response(
    reply: Reply, kind: str | None, retry_after_seconds: int | None
) -> VendorError:
    """What a response with another status than 200 means; `kind` is its `x-amzn-ErrorType`.
    Certain is only a 4xx that names one of Bedrock's errors after which no model has worked."""
    body = reply.json()
    content = body if isinstance(body, dict) else {}
    name = str(kind or content.get("__type") or "").split(":")[0].rpartition("#")[2]
    found = _named(name, str(content.get("message") or content.get("Message") or ""))
    if found is None or name in _UNCERTAIN or not 400 <= reply.status < 500:
        return _uncertain(reply.status, found)
    return replace(found, retry_after_seconds=retry_after_seconds)


def _uncertain(status: int, found: VendorError | None) -> VendorError:
    usual = VendorFault.OVERLOADED if status == 503 else VendorFault.SERVER_ERROR
    fault = found.fault if found and found.fault else usual
    code = found.code if found else "none"
    return VendorError(code, RejectionReason.UNAVAILABLE, fault, certain=False)


def _named(name: str, message: str) -> VendorError | None:
    if name == "ValidationException" and _TOO_LONG.search(message):
        return _CONTEXT
    return CODES.get(name)
