"""What a route declares of itself: who may call it, what goes in and out, what can go wrong.

The declaration is the one source for enforcement (`service.identity.enforcement`), body limits and
the OpenAPI document; an application with an undeclared route does not start
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

SMALL_BODY_BYTES = 64 * 1024

View = Callable[..., ResponseReturnValue]


class Access(Enum):
    """Who may call a route."""

    PUBLIC = "anyone"
    USER = "a signed-in user"
    CALLBACK_TOKEN = "whoever holds the sealed token in the address"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route's promise. `body` and `query` are what it takes, `answer` the `data` of its
    envelope (`bare`: no envelope), `errors` what it can refuse with beyond what every route can,
    `example` a body that works, `headers` the request headers it understands with a sentence
    each."""

    access: Access
    summary: str
    description: str = ""
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    answer: type[Schema] | None = None
    bare: bool = False
    errors: tuple[type[FareboxError], ...] = ()
    example: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    max_body_bytes: int = SMALL_BODY_BYTES


def endpoint(declaration: Endpoint) -> Callable[[View], View]:
    """Declares a view. A view for `Access.USER` is called with the principal as its first
    argument."""

    def declare(view: View) -> View:
        @wraps(view)
        def call(**arguments: Any) -> ResponseReturnValue:
            if declaration.access is Access.USER:
                return view(g.principal, **arguments)
            return view(**arguments)

        call.endpoint = declaration  # type: ignore[attr-defined]
        return call

    return declare


def endpoint_of(app: Flask, name: str | None) -> Endpoint | None:
    """The declaration of the route with that Flask endpoint name, if there is one."""
    return getattr(app.view_functions.get(name or ""), "endpoint", None)


def declared_endpoints(app: Flask) -> Iterator[tuple[str, str, Endpoint]]:
    """Every route as (path, method, declaration). Raises `LookupError` for one that declares
    nothing."""
    for rule in app.url_map.iter_rules():
        declaration = endpoint_of(app, rule.endpoint)
        if declaration is None:
            raise LookupError(f"{rule.rule} does not declare who may call it")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.rule, method, declaration
