"""The one hook that decides whether a request reaches its view."""

import re
from collections.abc import Callable
from typing import Protocol

from flask import Flask, current_app, g, request

from service.core.principal import Principal
from service.identity.entities import AuthenticationRequired
from service.web.body import peek_json_field
from service.web.endpoint import Access, endpoint_of

BARE_HEADER = "X-Google-ID"
BARE_FIELD = "GoogleID"

# The scheme in any case (RFC 9110, 11.1), then exactly one space: the firewall counts requests by
# this header, in lower case, and one credential must not have many spellings.
_BEARER = re.compile(r"bearer ([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_WITHOUT_SIGN_IN = (Access.PUBLIC, Access.CALLBACK_TOKEN)


class SignIn(Protocol):
    """Returns the caller or raises, as `Identity` does."""

    def sign_in(
        self, bearer: str | None, bare_google_id: Callable[[], str | None]
    ) -> Principal: ...


def enforce(app: Flask, sign_in: SignIn) -> None:
    """From here on a view is reached only if its route declares who may call it; one for users only
    with `g.principal` set.

    An undeclared route returns 500 (and keeps the app from starting, see `declared_endpoints`).
    Unknown addresses and browsers' preflights pass: they reach no view."""

    def decide() -> None:
        if request.url_rule is None or _is_handled_by_flask():
            return
        declared = endpoint_of(current_app, request.endpoint)
        if declared is None:
            raise LookupError(f"{request.url_rule.rule} does not declare who may call it")
        if declared.access not in _WITHOUT_SIGN_IN:
            g.principal = sign_in.sign_in(_bearer(), _bare_google_id)

    app.before_request(decide)


def _is_handled_by_flask() -> bool:
    return request.method == "OPTIONS" and getattr(
        request.url_rule, "provide_automatic_options", False
    )


def _bearer() -> str | None:
    given = request.headers.get("Authorization")
    if given is None:
        return None
    # A server joins several such headers with commas, which no token holds.
    match = _BEARER.fullmatch(given)
    if match is None:
        raise AuthenticationRequired(
            "Send exactly one header Authorization: Bearer <token>, with Google's ID token."
        )
    return match[1]


def _bare_google_id() -> str | None:
    return request.headers.get(BARE_HEADER) or peek_json_field(BARE_FIELD)
