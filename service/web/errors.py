"""Translates errors into responses. No other code maps an error to a status."""

from collections.abc import Sequence

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as MethodNotAllowedByRoute

from service.core.errors import (
    BadGateway,
    Conflict,
    FareboxError,
    Forbidden,
    InvalidRequest,
    NotAllowed,
    NotFound,
    RateLimited,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
)
from service.core.metrics import Metric, Metrics
from service.web.error_shapes import ErrorShape, shape_at
from service.web.request_errors import (
    AddressTooLong,
    BadRequest,
    HeadersTooLarge,
    InternalError,
    MethodNotAllowed,
    PayloadTooLarge,
    RouteNotFound,
    UnsupportedMediaType,
)
from service.web.request_log import NO_ROUTE, REQUEST_ID_HEADER, protect
from service.web.responses import json_response

WAIT_SECONDS = 5

_STATUS: tuple[tuple[type[FareboxError], int], ...] = (
    (AddressTooLong, 414),
    (HeadersTooLarge, 431),
    (InvalidRequest, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (NotAllowed, 405),
    (TooSlow, 408),
    (Conflict, 409),
    (TooLarge, 413),
    (UnsupportedMedia, 415),
    (Unprocessable, 422),
    (RateLimited, 429),
    (BadGateway, 502),
    (Unavailable, 503),
)
_BY_STATUS: dict[int, type[FareboxError]] = {
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
}

log = structlog.get_logger()


def status_of(error: type[FareboxError]) -> int:
    """Returns the HTTP status of that class of errors; 500 if it has no kind."""
    return next((status for kind, status in _STATUS if issubclass(error, kind)), 500)


def register_errors(app: Flask, metrics: Metrics, shapes: Sequence[ErrorShape] = ()) -> None:
    """Makes the app respond to every error in the envelope, or in that of the `shapes` which is for
    the request's path, and counts errors by code.

    An unexpected error is logged with its traceback; the response contains only the request's id.
    A path with doubled slashes is not found."""
    # Otherwise werkzeug redirects `//videos` to `/videos`, in HTML.
    app.url_map.merge_slashes = False

    def respond(error: FareboxError) -> Response:
        metrics.count(Metric.REFUSALS, code=error.code)
        if _denies_access(error):
            _record_access(error, metrics)
        shape = shape_at(shapes, request.path)
        return _shaped_response(error, shape) if shape else error_response(error)

    def respond_to_http(error: HTTPException) -> Response:
        response = respond(_translated(error))
        if isinstance(error, MethodNotAllowedByRoute) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    def respond_to_unexpected(error: Exception) -> Response:
        log.error("unexpected_error", exc_info=error)
        return respond(InternalError())

    def refuse_doubled_slash() -> None:
        """werkzeug reduces leading slashes to one, but a path rule of the firewall or the balancer
        sees all of them: the two must not disagree about the route."""
        if request.environ["PATH_INFO"].startswith("//"):
            raise RouteNotFound

    app.before_request(refuse_doubled_slash)
    app.register_error_handler(FareboxError, respond)
    app.register_error_handler(HTTPException, respond_to_http)
    app.register_error_handler(Exception, respond_to_unexpected)


def _denies_access(error: FareboxError) -> bool:
    is_denied = isinstance(error, Forbidden) and error.denies_access
    return is_denied or isinstance(error, Unauthenticated)


def _record_access(error: FareboxError, metrics: Metrics) -> None:
    """Of whoever is refused: the code and the reason, which are ours, and the route. Nothing that
    the caller sent."""
    reason = str(error.details.get("reason", ""))
    metrics.count(Metric.ACCESS_REFUSALS, code=error.code, reason=reason)
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    log.warning(
        "access_refused", code=error.code, reason=reason, method=request.method, route=route
    )


def error_response(error: FareboxError) -> Response:
    """Returns the response to an error."""
    g.error_code = error.code
    status = status_of(type(error))
    return json_response(
        _envelope(error, g.get("request_id", "")), status=status, headers=_headers(error, status)
    )


def _shaped_response(error: FareboxError, shape: ErrorShape) -> Response:
    g.error_code = error.code
    usual = status_of(type(error))
    status = shape.status(type(error), usual)
    headers = {**_headers(error, usual), **shape.headers(error)}
    return json_response(shape.body(error, status), status=status, headers=headers)


def bare_response(error: FareboxError, request_id: str) -> bytes:
    """Returns the response as raw bytes that end the connection, for input that Flask never
    sees."""
    status = status_of(type(error))
    response = json_response(
        _envelope(error, request_id), status=status, headers=_headers(error, status)
    )
    protect(response, production=False)
    response.headers |= {REQUEST_ID_HEADER: request_id, "Vary": "Origin", "Connection": "close"}
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {text}" for name, text in response.headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.get_data()


def _envelope(error: FareboxError, request_id: str) -> dict[str, object]:
    return {
        "success": False,
        "error": error.message,
        "code": error.code,
        "details": error.details,
        "requestId": request_id,
    }


def _headers(error: FareboxError, status: int) -> dict[str, str]:
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = error.challenge
    if status in (429, 503):
        headers["Retry-After"] = str(error.retry_after_seconds or WAIT_SECONDS)
    if error.location:
        headers["Location"] = error.location
    return headers


def _translated(error: HTTPException) -> FareboxError:
    if error.code is None or error.code >= 500:
        return InternalError()
    return _BY_STATUS.get(error.code, BadRequest)()
