"""Adds to every request an id, a log line, two metrics, and the security headers of its response.

The line has the method, the route's template, the status, the milliseconds and the error code. It
never has the path itself (which may contain a callback token), the query, headers, the body or the
user."""

import re

import structlog
from flask import Flask, Response, g, request

from service.core.clock import Clock
from service.core.ids import Ids, RandomIds
from service.core.metrics import Metric, Metrics
from service.core.placeholders import is_placeholder

REQUEST_ID_HEADER = "X-Request-Id"
HEALTH_PREFIX = "/health"
NO_ROUTE = "(none)"

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_SAFE_DEFAULTS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_HSTS = "max-age=63072000; includeSubDomains"

log = structlog.get_logger()


def log_requests(
    app: Flask, clock: Clock, metrics: Metrics, *, production: bool, ids: Ids | None = None
) -> None:
    """Registers the hooks. Call it before any other hook: Flask runs the first `after_request`
    last.

    A client's `X-Request-Id` of 1 to 64 letters, digits, dots, underscores and hyphens is used; any
    other, and a placeholder such as `undefined`, is replaced. It is in the response and in every
    log line of the request. A view may set its own `Cache-Control` or `Content-Security-Policy`."""
    new_ids = ids or RandomIds()

    def begin() -> None:
        g.started_at = clock.monotonic()
        g.request_id = _request_id(new_ids, clock)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    def finish(response: Response) -> Response:
        milliseconds = (clock.monotonic() - g.started_at) * 1000
        response.headers[REQUEST_ID_HEADER] = g.request_id
        protect(response, production)
        if response.status_code >= 400 or not _is_probe():
            _log(response, milliseconds)
            _measure(metrics, response, milliseconds)
        return response

    def forget(_: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()

    app.before_request(begin)
    app.after_request(finish)
    app.teardown_request(forget)


def current_request_id() -> str:
    """The id of the request that is being served, as its log lines have it."""
    return str(g.request_id)


def _request_id(ids: Ids, clock: Clock) -> str:
    sent = request.headers.get(REQUEST_ID_HEADER, "")
    if _ACCEPTABLE_ID.fullmatch(sent) and not is_placeholder(sent):
        return sent
    return ids.new("req", clock.now())


def _route() -> str:
    return request.url_rule.rule if request.url_rule else NO_ROUTE


def _template() -> str:
    """Method and route: a bounded set, although clients choose methods and paths."""
    return f"{request.method} {_route()}" if request.url_rule else NO_ROUTE


def _is_probe() -> bool:
    return _route().startswith(HEALTH_PREFIX)


def protect(response: Response, production: bool) -> None:
    """Adds the security headers."""
    response.headers.update(_SAFE_HEADERS)
    for name, value in _SAFE_DEFAULTS.items():
        response.headers.setdefault(name, value)
    if production:
        response.headers["Strict-Transport-Security"] = _HSTS


def _log(response: Response, milliseconds: float) -> None:
    facts = {
        "method": request.method,
        "route": _route(),
        "status": response.status_code,
        "milliseconds": round(milliseconds, 1),
    }
    code = g.get("error_code")
    if code:
        facts["code"] = code
    log.info("request", **facts)


def _measure(metrics: Metrics, response: Response, milliseconds: float) -> None:
    metrics.count(Metric.REQUESTS, status=f"{response.status_code // 100}xx")
    metrics.timing(Metric.REQUEST_LATENCY, milliseconds, route=_template())
