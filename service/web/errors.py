"""The one translation of errors into answers. No other code turns an error into a status."""

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
from service.web.request_log import REQUEST_ID_HEADER, protect
from service.web.responses import json_answer

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
    """From here on every error that leaves a route of the app is answered in the envelope of design
    6 and counted by its code.

    An error that nobody foresaw is logged with its trace; its answer tells nothing but the
    request's id. Doubled slashes in an address are not found, where werkzeug would redirect."""
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

    def refuse_doubled_slash() -> None:
        """werkzeug drops all but one of the slashes that an address begins with; no rule in front
        of us would."""
        if request.environ["PATH_INFO"].startswith("//"):
            raise RouteNotFound

    app.before_request(refuse_doubled_slash)
    app.register_error_handler(FareboxError, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unforeseen)


def error_answer(error: FareboxError) -> Response:
    """The error as its client sees it."""
    g.error_code = error.code
    status = status_of(type(error))
    return json_answer(
        _envelope(error, g.get("request_id", "")), status=status, headers=_headers(error, status)
    )


def bare_answer(error: FareboxError, request_id: str) -> bytes:
    """The same as bytes on a connection that ends here, for what never became a request."""
    status = status_of(type(error))
    answer = json_answer(
        _envelope(error, request_id), status=status, headers=_headers(error, status)
    )
    protect(answer, production=False)
    answer.headers |= {REQUEST_ID_HEADER: request_id, "Vary": "Origin", "Connection": "close"}
    lines = [f"HTTP/1.1 {answer.status}", *(f"{name}: {text}" for name, text in answer.headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.get_data()


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
