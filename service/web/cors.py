"""The browser origins that may call the API. CORS is not authorization: every route checks its
caller, whatever the origin."""

import re
from collections.abc import Sequence

from flask import Flask, Response
from flask_cors import CORS

ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-Request-Id",
    "X-Google-ID",
)
EXPOSED_HEADERS = ("Location", "Retry-After", "X-Request-Id", "Idempotency-Replayed")
METHODS = ("GET", "POST", "DELETE")
PREFLIGHT_SECONDS = 3600


def allow_origins(app: Flask, origins: Sequence[str]) -> None:
    """Lets pages of exactly these origins call, without cookies. Any other origin, including
    `null`, gets no CORS headers. Every response varies by `Origin`, so that no cache serves one
    origin's response to another."""
    # flask-cors compares plain strings case-insensitively; browsers send origins in lower case.
    exact = [re.compile(re.escape(origin) + r"\Z") for origin in origins]
    CORS(
        app,
        origins=exact,
        methods=METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
        supports_credentials=False,
        always_send=False,
        vary_header=False,
    )

    def vary(response: Response) -> Response:
        response.vary.add("Origin")
        return response

    app.after_request(vary)
