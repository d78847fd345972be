"""The one translation of errors into answers. No other code turns an error into a status."""

import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as MethodNotAllowedByRoute

from service.errors import (
    BadGateway,
    Conflict,
    FareboxError,
    Malformed,
    NotAllowed,
    NotFound,
    Refused,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
)
from service.metrics import Metric, Metrics
from service.web.answers import json_answer
from service.web.refusals import (
    BadRequest,
    InternalError,
    MethodNotAllowed,
    PayloadTooLarge,
    RouteNotFound,
    UnsupportedMediaType,
)

WAIT_SECONDS = 5

_STATUS: tuple[tuple[type[FareboxError], int], ...] = (
    (Malformed, 400),
    (Unauthenticated, 401),
    (Refused, 403),
    (NotFound, 404),
    (NotAllowed, 405),
    (Conflict, 409),
    (TooLarge, 413),
    (UnsupportedMedia, 415),
    (Unprocessable, 422),
    (TooMany, 429),
    (BadGateway, 502),
    (Unavailable, 503),
)
_OF_HTTP: dict[int, type[FareboxError]] = {
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
}

log = structlog.get_logger()


def status_of(error: type[FareboxError]) -> int:
    """The HTTP status of that class of errors; 500 for one of no kind."""
    return next((status for kind, status in _STATUS if issubclass(error, kind)), 500)


def register_errors(app: Flask, metrics: Metrics) -> None:
    """From here on every error that leaves a route of the app is answered in the envelope of design 6 and counted by its code.

    An error that nobody foresaw is logged with its trace; its answer tells nothing but the request's id. Doubled slashes
    in an address are not found, where werkzeug would redirect.
    """
    app.url_map.merge_slashes = False

    def answer(error: FareboxError) -> Response:
        metrics.count(Metric.REFUSALS, code=error.code)
        return error_answer(error)

    def answer_http(error: HTTPException) -> Response:
        told = answer(_translated(error))
        if isinstance(error, MethodNotAllowedByRoute) and error.valid_methods:
            told.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return told

    def answer_unforeseen(error: Exception) -> Response:
        log.error("unforeseen_error", exc_info=error)
        return answer(InternalError())

    app.register_error_handler(FareboxError, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unforeseen)


def error_answer(error: FareboxError) -> Response:
    """The error as its client sees it."""
    g.error_code = error.code
    status = status_of(type(error))
    content = {
        "success": False,
        "error": error.message,
        "code": error.code,
        "details": error.details,
        "requestId": g.get("request_id", ""),
    }
    return json_answer(content, status=status, headers=_headers(error, status))


def _headers(error: FareboxError, status: int) -> dict[str, str]:
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        headers["Retry-After"] = str(error.retry_after_seconds or WAIT_SECONDS)
    if error.location:
        headers["Location"] = error.location
    return headers


def _translated(error: HTTPException) -> FareboxError:
    if error.code is None or error.code >= 500:
        return InternalError()
    return _OF_HTTP.get(error.code, BadRequest)()
