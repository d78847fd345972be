"""The browser origins that may call the API. CORS is not authorization: every route checks its
caller, whatever the origin."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, request
from flask_cors import CORS

from service.core.clock import Clock, SystemClock
from service.core.rate_limits import Window
from service.web.page_cookie import CSRF_HEADER

ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-Request-Id",
    "X-Google-ID",
    CSRF_HEADER,
)
# Only here a page's requests carry a cookie, and only here it may read the response to one.
COOKIE_PATHS = r"/auth/.*"
# Browser libraries add these by themselves: error tracking, tracing, HTTP clients. We ignore them,
# but a preflight that refuses one fails the request of the page.
LIBRARY_HEADERS = (
    *("traceparent", "tracestate", "baggage"),  # W3C, OpenTelemetry
    "sentry-trace",
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin", "x-datadog-tags"),
    *("x-datadog-sampling-priority", "x-datadog-sampled"),
    *("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"),
    "uber-trace-id",  # Jaeger
    *("newrelic", "elastic-apm-traceparent", "x-amzn-trace-id", "x-cloud-trace-context"),
    *("request-id", "request-context"),  # Application Insights
    # OpenAI's client libraries, and the AI SDK; not every browser keeps the last to itself.
    *("openai-organization", "openai-project", "x-stainless-arch", "x-stainless-async"),
    *("x-stainless-custom-poll-interval", "x-stainless-helper-method", "x-stainless-lang"),
    *("x-stainless-os", "x-stainless-package-version", "x-stainless-poll-helper"),
    *("x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version"),
    *("x-stainless-timeout", "x-client-request-id", "user-agent"),
    *("x-correlation-id", "x-requested-with", "cache-control", "pragma"),
)
EXPOSED_HEADERS = (
    *("Location", "Retry-After", "X-Request-Id", "Idempotency-Replayed", "X-Should-Retry"),
)
METHODS = ("GET", "POST", "PUT", "DELETE")
PREFLIGHT_SECONDS = 3600

# One line for each origin or header in ten minutes: a page calls all the time.
_LINES, _LINES_SECONDS = 1, 600.0
_MAX_LINES, _MAX_LINES_SECONDS = 20, 60.0
_MAX_SHOWN = 200

log = structlog.get_logger()


def allow_origins(
    app: Flask,
    origins: Sequence[str],
    more_headers: Sequence[str] = (),
    clock: Clock | None = None,
) -> None:
    """Lets pages of exactly these origins call, with cookies below `/auth` alone, and send
    `more_headers` besides ours and those of common libraries. Any other origin, including `null`,
    gets no CORS headers, and the log names it with the setting that allows it. Every response
    varies by `Origin`, so that no cache serves one origin's response to another."""
    headers = (*ALLOWED_HEADERS, *LIBRARY_HEADERS, *more_headers)
    # flask-cors compares plain strings case-insensitively; browsers send origins in lower case.
    exact = [re.compile(re.escape(origin) + r"\Z") for origin in origins]
    terms = {
        "origins": exact,
        "methods": METHODS,
        "allow_headers": headers,
        "expose_headers": EXPOSED_HEADERS,
        "max_age": PREFLIGHT_SECONDS,
    }
    CORS(
        app,
        resources={
            COOKIE_PATHS: {**terms, "supports_credentials": True},
            r"/.*": {**terms, "supports_credentials": False},
        },
        always_send=False,
        vary_header=False,
    )
    refusals = _Refusals(origins, headers, clock or SystemClock())

    def finish(response: Response) -> Response:
        response.vary.add("Origin")
        refusals.log()
        return response

    app.after_request(finish)


class _Refusals:
    """Logs what the browser refuses on our word: it shows the reason only to the page's
    developer, and never the setting."""

    def __init__(self, origins: Sequence[str], headers: Sequence[str], clock: Clock) -> None:
        self._origins = frozenset(origins)
        self._headers = frozenset(header.lower() for header in headers)
        self._each = Window(_LINES, _LINES_SECONDS, clock)
        self._all = Window(_MAX_LINES, _MAX_LINES_SECONDS, clock)

    def log(self) -> None:
        origin = request.headers.get("Origin")
        if origin is None or _host_of(origin) == request.host:
            return
        if origin not in self._origins:
            self._line("cors_origin_refused", "CORS_ALLOWED_ORIGINS", origin=origin)
            return
        for header in self._refused_headers():
            self._line("cors_header_refused", "CORS_ALLOWED_HEADERS", header=header)

    def _refused_headers(self) -> Iterator[str]:
        if request.method == "OPTIONS":
            given = request.headers.get("Access-Control-Request-Headers", "").split(",")
            yield from (
                name
                for name in (each.strip().lower() for each in given)
                if name and name not in self._headers
            )

    def _line(self, event: str, setting: str, **refused: str) -> None:
        shown = {name: text[:_MAX_SHOWN] for name, text in refused.items()}
        if self._each.allows(f"{event} {shown}") and self._all.allows(""):
            log.warning(event, **shown, allowed_by=setting)


def _host_of(origin: str) -> str:
    """Host and port of an origin; empty for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
