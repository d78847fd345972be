"""What became of a request to DynamoDB, as a value. Pure.

Only what DynamoDB itself said, by a name that means so, counts as refused: everything else that
came back after a request had left may hide a write. Codes: Amazon DynamoDB Developer Guide, "Error
handling", and API Reference, "Common Error Types"."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

_CONTENT_TYPE = "application/x-amz-json-"
_LATE = ("Signature expired", "Signature not yet current")


class Refusal(Enum):
    """Why DynamoDB wrote nothing."""

    CONDITION = "a condition did not hold"
    CANCELLED = "the transaction was cancelled; its reasons say why"
    CONFLICT = "another write of the same item is under way"
    THROTTLED = "too many requests"
    CLOCK = "our clock is wrong"
    DENIED = "an operator has to act: no such table, no permission, no valid credentials"
    MALFORMED = "the request breaks a rule of the API: a mistake of ours"


@dataclass(frozen=True)
class NeverSent:
    """Nothing of the request left: no connection, no TLS, no credentials."""

    why: str


@dataclass(frozen=True)
class Refused:
    """DynamoDB turned the request down: nothing was written."""

    refusal: Refusal
    code: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Applied:
    """DynamoDB did it, and this is its response."""

    content: Mapping[str, Any]


@dataclass(frozen=True)
class PossiblyApplied:
    """The request left, and nothing that can be believed came back. It may still be applied.
    `foreign` says that something else responded in DynamoDB's place."""

    why: str
    foreign: bool = False


Outcome = NeverSent | Refused | Applied | PossiblyApplied


@dataclass(frozen=True)
class HttpResponse:
    """A whole response of whoever responded. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


REFUSALS: Mapping[str, Refusal] = {
    "ConditionalCheckFailedException": Refusal.CONDITION,
    "TransactionCanceledException": Refusal.CANCELLED,
    "TransactionConflictException": Refusal.CONFLICT,
    "ReplicatedWriteConflictException": Refusal.CONFLICT,
    "ProvisionedThroughputExceededException": Refusal.THROTTLED,
    "RequestLimitExceeded": Refusal.THROTTLED,
    "ThrottlingException": Refusal.THROTTLED,
    "LimitExceededException": Refusal.THROTTLED,
    "RequestExpired": Refusal.CLOCK,
    "AccessDeniedException": Refusal.DENIED,
    "ExpiredTokenException": Refusal.DENIED,
    "IncompleteSignature": Refusal.DENIED,
    "IncompleteSignatureException": Refusal.DENIED,
    "InvalidClientTokenId": Refusal.DENIED,
    "InvalidSignatureException": Refusal.DENIED,
    "MissingAuthenticationToken": Refusal.DENIED,
    "MissingAuthenticationTokenException": Refusal.DENIED,
    "NotAuthorized": Refusal.DENIED,
    "OptInRequired": Refusal.DENIED,
    "ResourceInUseException": Refusal.DENIED,
    "ResourceNotFoundException": Refusal.DENIED,
    "UnrecognizedClientException": Refusal.DENIED,
    "IdempotentParameterMismatchException": Refusal.MALFORMED,
    "InvalidAction": Refusal.MALFORMED,
    "ItemCollectionSizeLimitExceededException": Refusal.MALFORMED,
    "MalformedHttpRequestException": Refusal.MALFORMED,
    "RequestEntityTooLargeException": Refusal.MALFORMED,
    "SerializationException": Refusal.MALFORMED,
    "UnknownOperationException": Refusal.MALFORMED,
    "ValidationError": Refusal.MALFORMED,
    "ValidationException": Refusal.MALFORMED,
}
"""What surely wrote nothing. `InternalFailure`, `InternalServerError`, `RequestAbortedException`,
`RequestTimeoutException`, `ServiceUnavailable`, `TransactionInProgressException` and every name
that is not known here are left out on purpose: a write may hide behind them. docs/dynamodb.md
says of each why."""


def outcome_of(response: HttpResponse) -> Outcome:
    """What a response means; `PossiblyApplied` if it cannot be DynamoDB's own.

    DynamoDB sends JSON, the CRC-32 of the body and a request id (Amazon DynamoDB Developer Guide,
    "Low-level API"); DynamoDB Local leaves the CRC out of its errors. Something between us and
    DynamoDB (a proxy, a sign-in page, a load balancer) can respond in its place."""
    content = _object(response.body)
    fault = _fault(response, content)
    if fault or content is None:
        return PossiblyApplied(fault, foreign=True)
    if response.status == 200:
        return Applied(content)
    code = _code(content["__type"])
    refusal = Refusal.CLOCK if _is_late(code, content) else REFUSALS.get(code)
    if refusal is None or not 400 <= response.status < 500:
        return PossiblyApplied(f"{response.status} {code}")
    return Refused(refusal, code, content)


def _fault(response: HttpResponse, content: Mapping[str, Any] | None) -> str:
    """Why DynamoDB cannot have sent this response; empty if it can have."""
    headers = response.headers
    if not headers.get("content-type", "").startswith(_CONTENT_TYPE):
        return "the content type is not DynamoDB's"
    if not headers.get("x-amzn-requestid"):
        return "the request id is missing"
    crc = headers.get("x-amz-crc32")
    if crc is None and response.status == 200:
        return "the CRC is missing"
    if crc is not None and crc != str(zlib.crc32(response.body)):
        return "the CRC is not that of the body"
    if content is None:
        return "the body is not a JSON object"
    if response.status != 200 and not isinstance(content.get("__type"), str):
        return "the error does not name its kind"
    return ""


def _code(kind: str) -> str:
    """An error's name without the model before it and the address behind it, neither of which has
    to be there: `com.amazonaws.dynamodb.v20120810#ValidationException:http://…` (Smithy, AWS JSON
    1.0 protocol, "Operation error serialization")."""
    return kind.partition(":")[0].rpartition("#")[2]


def _is_late(code: str, content: Mapping[str, Any]) -> bool:
    """Whether a signature is right, but not at this time: "Signature expired: …" and "Signature not
    yet current: …" are messages of the error that a wrong key causes as well."""
    said = str(content.get("message") or content.get("Message") or "")
    return code == "InvalidSignatureException" and said.startswith(_LATE)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
