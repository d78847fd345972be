"""The errors of no particular feature: those of requests that never reach a route's own code."""

from collections.abc import Mapping
from typing import ClassVar

from service.core.errors import (
    FareboxError,
    Forbidden,
    InvalidRequest,
    NotAllowed,
    NotFound,
    RateLimited,
    TooLarge,
    TooSlow,
    Unavailable,
    UnsupportedMedia,
)


class BadRequest(InvalidRequest):
    """The request violates HTTP itself; an incomplete body, for example."""

    code = "BAD_REQUEST"
    summary = "The request is not well-formed HTTP."


class MalformedJson(InvalidRequest):
    """The message says what is wrong with the body. Where its syntax breaks, `details` has `line`
    and `column`, counted from 1."""

    code = "MALFORMED_JSON"
    summary = "The body is not a JSON object."
    details_example: ClassVar[Mapping[str, object]] = {"line": 1, "column": 42}


class ValidationFailed(InvalidRequest):
    """`details.fields` maps each wrong field to its faults."""

    code = "VALIDATION_FAILED"
    summary = "Some fields are missing, unknown or wrong; see details.fields."
    details_example: ClassVar[Mapping[str, object]] = {"fields": {"imageUrl": ["Is required."]}}


class AddressTooLong(InvalidRequest):
    code = "ADDRESS_TOO_LONG"
    summary = "The address is too long."


class HeadersTooLarge(InvalidRequest):
    code = "HEADERS_TOO_LARGE"
    summary = "The request has too many headers, or they are too large."


class BodyTimeout(TooSlow):
    """Nothing of the request was done."""

    code = "BODY_TIMEOUT"
    summary = (
        "The request came too slowly, and nothing was done. It must keep coming: details has the "
        "slowest rate, the longest pause and the longest time."
    )
    advice = "Send the address of the image instead of the image, or a smaller image."
    details_example: ClassVar[Mapping[str, object]] = {
        "minBytesPerSecond": 16384,
        "maxPauseSeconds": 10.0,
        "maxSeconds": 300.0,
    }


class UploadsBusy(Unavailable):
    """Nothing of the request was done."""

    code = "UPLOADS_BUSY"
    summary = "Too many large requests are being received at once. Nothing was done."
    retry_after = 5


class TooManyUploads(RateLimited):
    """Nothing of the request was done."""

    code = "TOO_MANY_UPLOADS"
    summary = (
        "This user is sending too many large requests at once. Nothing was done; wait until the "
        "others have ended."
    )
    retry_after = 5


class RouteNotFound(NotFound):
    code = "ROUTE_NOT_FOUND"
    summary = "There is nothing at this address. /docs lists what there is."


class MethodNotAllowed(NotAllowed):
    code = "METHOD_NOT_ALLOWED"
    summary = "This address does not support that method; see the Allow header."


class PayloadTooLarge(TooLarge):
    code = "PAYLOAD_TOO_LARGE"
    summary = "The body is too large; the limit is details.maxBytes."
    details_example: ClassVar[Mapping[str, object]] = {"maxBytes": 65536}


class UnsupportedMediaType(UnsupportedMedia):
    code = "UNSUPPORTED_MEDIA_TYPE"
    summary = "Send the body as Content-Type: application/json, in UTF-8 and uncompressed."


class RequestRefused(Forbidden):
    """Sent by the firewall in front of a deployment (cloudformation/base), with an empty
    `requestId`."""

    code = "REQUEST_REFUSED"
    summary = (
        "Refused in front of the service: the address or a header of the request looks like an "
        "attack, or its IP address is known for attacks."
    )
    advice = (
        "Send it without what looks like an attack (markup, paths, commands) in its address and "
        "headers, or from another network. Bodies are never judged by their text."
    )


class InternalError(FareboxError):
    """An unexpected error. The log has its traceback under the request's id."""

    code = "INTERNAL_ERROR"


class NotReady(Unavailable):
    """Readiness: this process is draining, or cannot reach its table."""

    code = "NOT_READY"
    summary = "This process does not accept requests now."
    retry_after = 5
    details_example: ClassVar[Mapping[str, object]] = {"reason": "draining"}


ANY_ROUTE: tuple[type[FareboxError], ...] = (
    InternalError,
    BadRequest,
    BodyTimeout,
    AddressTooLong,
    HeadersTooLarge,
    RequestRefused,
    RateLimited,
)
WITH_QUERY: tuple[type[FareboxError], ...] = (ValidationFailed,)
WITH_BODY: tuple[type[FareboxError], ...] = (
    MalformedJson,
    ValidationFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    UploadsBusy,
    TooManyUploads,
)
ROUTING: tuple[type[FareboxError], ...] = (RouteNotFound, MethodNotAllowed)
