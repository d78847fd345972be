"""What each route declares: who may call it, its request, its response, and its errors.

The declaration is the only source for enforcement (`service.identity.enforcement`), body limits and
the OpenAPI document. An application with an undeclared route does not start
(`declared_endpoints`)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from typing import Any

from flask import Flask, g
from flask.typing import ResponseReturnValue
from marshmallow import Schema

from service.core.errors import FareboxError
from service.core.scopes import KeyScope, SessionScope

SMALL_BODY_BYTES = 64 * 1024
MAX_SIGN_IN_AGE_SECONDS = 900
OPERATOR_PREFIX = "/admin"
SECOND_FACTOR_HEADER = "X-Second-Factor"

View = Callable[..., ResponseReturnValue]


class Access(Enum):
    """Who may call a route."""

    PUBLIC = "anyone"
    USER = "a signed-in user"
    CALLBACK_TOKEN = "the holder of the token in the path"
    OPERATOR = "an operator"
    SERVER = "a back end with a server key"
    USER_OR_SERVER = "a signed-in user, or a back end with a server key"


OF_BACK_ENDS = (Access.SERVER, Access.USER_OR_SERVER)
OF_USERS = (Access.USER, Access.USER_OR_SERVER)
_OF_PRINCIPALS = (*OF_USERS, Access.SERVER)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The declaration of one route.

    `operation_id` is its name in generated clients (empty: made from method and path); an
    `internal` route is for providers and balancers, not for apps. `body` and `query` are the
    schemas of the request (a body may be left out unless `body_required`), `response` that of
    `data` in the envelope (`bare`: of the whole body) under each of `statuses`; with `csv`, a
    client that prefers `text/csv` receives that; `formats` are further media types that a client
    can choose instead. With `events` a success can be Server-Sent Events, and is nothing else where
    there is no `response`. `errors` are those that not every route has,
    `example` is a valid body, and `headers` the request headers that the route reads, with a
    sentence each.

    `fresh` is for operators' routes that change anything, and for users' routes that must not be
    open to a stolen token: whoever signed in longer ago than `MAX_SIGN_IN_AGE_SECONDS` must do so
    again. `second_factor` is for operators' routes that move credits or money, or change who may do
    what: a person needs a passkey's proof besides (`SECOND_FACTOR_HEADER`), while a signed request
    counts as strong by itself. A user's route is closed to tokens of an account that was erased:
    with `checks_account` the view refuses them by what it reads anyway, otherwise a read comes
    before it.

    `scope` is what a session that a server key minted needs to call a user's route (None: it is
    closed to them), `key_scope` what a server key needs to call a back end's, or one that back
    ends may call besides users.

    `caller_limit` and `address_limit` are how many requests one user or operator, and one address,
    may send in a minute to one process (None: as the settings say; 0: no limit); `key_limit` is
    how many one server key may (None: as many as one user)."""

    access: Access
    summary: str
    fresh: bool = False
    second_factor: bool = False
    checks_account: bool = False
    scope: SessionScope | None = None
    key_scope: KeyScope | None = None
    caller_limit: int | None = None
    address_limit: int | None = None
    key_limit: int | None = None
    operation_id: str = ""
    internal: bool = False
    description: str = ""
    body: type[Schema] | None = None
    body_required: bool = True
    query: type[Schema] | None = None
    response: type[Schema] | None = None
    statuses: tuple[int, ...] = (200,)
    bare: bool = False
    csv: bool = False
    formats: tuple[str, ...] = ()
    events: bool = False
    errors: tuple[type[FareboxError], ...] = ()
    example: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    max_body_bytes: int = SMALL_BODY_BYTES


def endpoint(declaration: Endpoint) -> Callable[[View], View]:
    """Declares a view. Its first argument is the principal with `Access.USER`, `Access.SERVER` and
    `Access.USER_OR_SERVER`, and the operator with `Access.OPERATOR`."""

    def declare(view: View) -> View:
        @wraps(view)
        def call(**arguments: Any) -> ResponseReturnValue:
            if declaration.access in _OF_PRINCIPALS:
                return view(g.principal, **arguments)
            if declaration.access is Access.OPERATOR:
                return view(g.operator, **arguments)
            return view(**arguments)

        call.endpoint = declaration  # type: ignore[attr-defined]
        return call

    return declare


def endpoint_of(app: Flask, name: str | None) -> Endpoint | None:
    """Returns the declaration of the route with that Flask endpoint name, if any."""
    return getattr(app.view_functions.get(name or ""), "endpoint", None)


def is_operators(path: str) -> bool:
    """Whether a path lies where only operators may go."""
    return path == OPERATOR_PREFIX or path.startswith(f"{OPERATOR_PREFIX}/")


def declared_endpoints(app: Flask) -> Iterator[tuple[str, str, Endpoint]]:
    """Yields each route as (path, method, declaration). Raises `LookupError` if a route has no
    declaration, if it is for operators and not below `/admin`, or the reverse, and if it is for
    back ends without a scope, or the reverse."""
    for rule in app.url_map.iter_rules():
        declaration = endpoint_of(app, rule.endpoint)
        if declaration is None:
            raise LookupError(f"{rule.rule} does not declare who may call it")
        if is_operators(rule.rule) != (declaration.access is Access.OPERATOR):
            raise LookupError(f"{rule.rule}: operators' routes lie below {OPERATOR_PREFIX}")
        if (declaration.key_scope is not None) != (declaration.access in OF_BACK_ENDS):
            raise LookupError(f"{rule.rule}: back ends' routes, and only they, need a key's scope")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.rule, method, declaration
