"""The OpenAPI 3.1 document, built from what the routes declare and from their marshmallow
schemas when it is first read, and its address."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache

from apispec import APISpec
from flask import Blueprint, Flask, Response, request

from service.web.endpoint import (
    OF_BACK_ENDS,
    Access,
    Endpoint,
    declared_endpoints,
    endpoint,
)
from service.web.error_shapes import ErrorShape
from service.web.openapi.errors import (
    ENVELOPE,
    ERROR_CODE,
    REQUEST_ID,
    SharedErrors,
    broadest,
    catalogue,
    code_schema,
    envelope_schema,
    error_example,
)
from service.web.openapi.operations import (
    SERVER_KEY,
    SIGN_IN,
    SIGNATURE,
    document_path,
    operation,
    tag_of,
)
from service.web.openapi.schemas import Document, SchemaPlugin, finished
from service.web.openapi.sharing import in_components

OPENAPI_PATH = "/openapi.json"
DOCS_PATH = "/docs"
ROOT_PATH = "/"
ICON_PATH = "/favicon.ico"
CACHE_CONTROL = "public, max-age=300"

Route = tuple[str, str, Endpoint]

# For people, not for clients.
_PAGES = (ROOT_PATH, DOCS_PATH, ICON_PATH)

_DESCRIPTION = """\
Farebox stands between your app and paid AI services: it authenticates the caller, holds credits
before work begins, and charges only for what was delivered.

1. **Sign in** with Google or Cognito in your app and send the ID token (or Cognito's access
   token): `Authorization: Bearer <token>`.
2. **Send JSON** with `Content-Type: application/json`. Fields that are not documented are refused;
   query parameters that are not documented are ignored.
3. **Read the envelope**: `success: true` comes with `data`; `success: false` comes with `error`
   (for people), `code` (for programs), `details` and `requestId`.
4. **Branch on `code`**, never on the sentence. Every code is listed in `x-error-codes` and at
   `/docs`.
5. **Send an `Idempotency-Key`** (a fresh UUID for each thing the user wants) where a route takes
   one. Repeat with the same key after a timeout: nothing is charged twice.
6. **Wait, do not poll in a loop**: request a job with `?wait=`, and the response comes when the job
   has ended.
7. **429 and 503** say in `Retry-After` how many seconds to wait.
8. **Lists** return a `nextToken`; send it for the next page, until it is null.
9. **Credits** are held when a job begins, captured when its result is there, released when it
   fails.
10. **Quote the `requestId`** (also in `X-Request-Id`) when you contact support.
"""


_HEADERS: dict[str, tuple[str, dict[str, object]]] = {
    "RequestId": (
        "The name of this request in our logs.",
        {"type": "string", "example": REQUEST_ID},
    ),
    "RetryAfter": (
        "Whole seconds to wait before trying again.",
        {"type": "integer", "minimum": 0, "example": 5},
    ),
    "Allow": (
        "The methods that this address takes.",
        {"type": "string", "example": "GET, HEAD, OPTIONS"},
    ),
    "Authenticate": ("How to sign in.", {"type": "string", "example": "Bearer"}),
}


# OpenAPI has no type for signed requests; the header is what it can name.
_SIGNATURE_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": "An operator's machine signs each request (HTTP Message Signatures, RFC 9421, "
    "with `Signature-Input`), with a key of ours by `ed25519` or `hmac-sha256`. Covered are "
    "`@method`, `@authority`, `@path`, `@query`, `content-digest` (RFC 9530, of an empty body too) "
    "and `idempotency-key`; parameters are `keyid`, `created`, `expires` (at most 60 seconds "
    "later) and `nonce`, which is accepted once.",
}
_SERVER_KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of one of the house's own back ends, `sk_…`. It belongs on no device and "
    "in no page.",
}


@dataclass(frozen=True, kw_only=True)
class About:
    """What the document says of itself. `public_url` is this service's address; empty: the one it
    was read from. `tags` has a sentence for each group of routes, in the order that readers see.
    `licence` is an SPDX identifier."""

    version: str
    public_url: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    title: str = "Farebox API"
    licence: str = "MIT"

    @property
    def info(self) -> dict[str, object]:
        """The info object, but for title and version."""
        guide = {"url": f"{self.public_url.rstrip('/')}/docs"} if self.public_url else {}
        return {
            "description": _DESCRIPTION,
            "contact": {"name": "The operators of this service", **guide},
            "license": {"name": self.licence, "identifier": self.licence},
        }

    @property
    def server(self) -> dict[str, str]:
        if not self.public_url:
            return {"url": "/", "description": "The service that this document was read from."}
        return {"url": self.public_url.rstrip("/"), "description": "This service."}


def build_document(app: Flask, about: About, shared: SharedErrors) -> Document:
    """The OpenAPI 3.1 document of every route of the app but the documentation's own. The same app
    returns the same document.

    Raises `LookupError` for a route that declares nothing, for two operations of one name and for
    two errors under one code, and
    `TypeError` for an example that JSON cannot carry."""
    routes = [route for route in declared_endpoints(app) if not _documentation(route[0])]
    spec = _empty(about, routes, shared)
    names: set[str] = set()
    for rule, method, declaration in routes:
        described = operation(rule, method, declaration, shared)
        if described["operationId"] in names:
            raise LookupError(f"Two operations are called {described['operationId']}")
        names.add(described["operationId"])
        spec.path(path=document_path(rule), operations={method.lower(): described})
    document: Document = json.loads(json.dumps(spec.to_dict()))
    return in_components(finished(document))


def openapi_blueprint(document: Callable[[], Document]) -> Blueprint:
    """Serves the document at `/openapi.json`, with an ETag, for caches to keep for five minutes.
    `document` is called by the first request of it."""
    blueprint = Blueprint("openapi", __name__)

    @cache
    def body() -> bytes:
        return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()

    @blueprint.get(OPENAPI_PATH)
    @endpoint(
        Endpoint(access=Access.PUBLIC, summary="This API as an OpenAPI 3.1 document.", bare=True)
    )
    def openapi() -> Response:
        return cacheable(body(), "application/json")

    return blueprint


def cacheable(body: bytes, mimetype: str) -> Response:
    """The body with its ETag, or 304 for a client that has it (RFC 9110, 13.1.2)."""
    response = Response(body, mimetype=mimetype)
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    conditional: Response = response.make_conditional(request)  # type: ignore[assignment]
    return conditional


def _documentation(rule: str) -> bool:
    return rule in (*_PAGES, OPENAPI_PATH) or rule.startswith(f"{DOCS_PATH}/")


def _empty(about: About, routes: Sequence[Route], shared: SharedErrors) -> APISpec:
    kinds = [kind for _, _, each in routes for kind in (*each.errors, *shared.of(each))]
    spec = APISpec(
        title=about.title,
        version=about.version,
        openapi_version="3.1.0",
        info=about.info,
        plugins=[SchemaPlugin()],
        servers=[about.server],
        tags=_tags(about, routes),
    )
    spec.options["x-error-codes"] = catalogue(kinds)
    for code, kind in sorted(broadest(kinds).items()):
        spec.components.example(code, error_example(kind))
    spec.components.schema(ERROR_CODE, code_schema(kinds))
    _add_components(spec, {each.access for *_, each in routes}, shared.shapes)
    return spec


def _tags(about: About, routes: Sequence[Route]) -> list[dict[str, object]]:
    """The tags in use, those that `about` describes first. Readers show `x-displayName`, and not
    what is only for providers and balancers."""
    used: dict[str, bool] = {}
    for rule, _, declared in routes:
        name = tag_of(document_path(rule))
        used[name] = used.get(name, True) and declared.internal
    ordered = [name for name in about.tags if name in used]
    ordered += [name for name in used if name not in about.tags]
    return [
        {"name": name, "x-displayName": name.capitalize()}
        | ({"description": about.tags[name]} if name in about.tags else {})
        | ({"x-internal": True} if used[name] else {})
        for name in ordered
    ]


def _add_components(
    spec: APISpec, accesses: AbstractSet[Access], shapes: Sequence[ErrorShape]
) -> None:
    spec.components.schema(ENVELOPE, envelope_schema())
    for shape in shapes:
        spec.components.schema(shape.name, dict(shape.schema))
    for name, (text, schema) in _HEADERS.items():
        spec.components.header(name, {"description": text, "schema": dict(schema)})
    text = (
        "A token of the user: a Google ID token, or an ID or access token of a Cognito user pool, "
        "made for one of the client ids that this service knows."
    )
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": text}
    spec.components.security_scheme(SIGN_IN, scheme)
    if Access.OPERATOR in accesses:
        spec.components.security_scheme(SIGNATURE, dict(_SIGNATURE_SCHEME))
    if accesses & set(OF_BACK_ENDS):
        spec.components.security_scheme(SERVER_KEY, dict(_SERVER_KEY_SCHEME))
