"""The readable page at `/docs`: rendered once from the OpenAPI document, complete without scripts
and without a network."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from flask import Blueprint, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from service.web.docs_view import RouteView, error_views, route_views
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.openapi.document import DOCS_PATH, cacheable
from service.web.openapi.schemas import Document

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LOCAL_ADDRESS = "http://127.0.0.1:8080"

_PROSE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_JSON_PART = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|\btrue\b|\bfalse\b|\bnull\b)')
_NUMBERED = re.compile(r"^\d+\. ", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One thing that a newcomer does, and the route that does it, if this service has it."""

    title: str
    text: str
    route: RouteView | None = None
    command: str = ""


def docs_blueprint(document: Document) -> Blueprint:
    """Serves the page at `/docs`, its stylesheet and its script under `/docs/`, each with an
    ETag."""
    blueprint = Blueprint("docs", __name__)
    style, script = _file("docs.css"), _file("docs.js")
    page = render_page(document, _digest(style), _digest(script)).encode()

    @blueprint.get(DOCS_PATH)
    @endpoint(_public("This API as a page to read."))
    def docs() -> Response:
        return _guarded(page, "text/html")

    @blueprint.get(f"{DOCS_PATH}/style.css")
    @endpoint(_public("The page's stylesheet."))
    def docs_style() -> Response:
        return _guarded(style, "text/css")

    @blueprint.get(f"{DOCS_PATH}/script.js")
    @endpoint(_public("The page's script: copy buttons and the mark in the list of routes."))
    def docs_script() -> Response:
        return _guarded(script, "text/javascript")

    return blueprint


def render_page(document: Document, style_version: str = "", script_version: str = "") -> str:
    """The page as HTML. It names the document's server; where that is relative, the script puts in
    the address it was read from."""
    environment = Environment(
        loader=PackageLoader("service.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, json_colours=json_colours)
    server = document["servers"][0]["url"]
    routes = route_views(document)
    return environment.get_template("docs.html").render(
        title=document["info"]["title"],
        version=document["info"]["version"],
        address=LOCAL_ADDRESS if server == "/" else server,
        address_is_known=server != "/",
        introduction=_introduction(document)[0],
        rules=_introduction(document)[1:],
        steps=_steps(routes),
        groups={tag: [route for route in routes if route.tag == tag] for tag in _tags(document)},
        errors=error_views(document),
        style_version=style_version,
        script_version=script_version,
    )


def prose(text: str) -> Markup:
    """Text with `code` and **strong** parts as HTML; everything else is escaped."""
    written = Markup("")
    end = 0
    for found in _PROSE.finditer(text):
        marked = (
            Markup("<code>{}</code>").format(found[1])
            if found[1]
            else Markup("<strong>{}</strong>").format(prose(found[2]))
        )
        written += escape(text[end : found.start()]) + marked
        end = found.end()
    return written + escape(text[end:])


def json_colours(text: str) -> Markup:
    """JSON with its names, strings and other values marked for the stylesheet; every character is
    escaped."""
    written = Markup("")
    end = 0
    for found in _JSON_PART.finditer(text):
        kind = "k" if found[2] else "s" if found[1] else "v"
        marked = Markup('<span class="{}">{}</span>').format(kind, found[1] or found[3])
        written += escape(text[end : found.start()]) + marked + escape(found[2] or "")
        end = found.end()
    return written + escape(text[end:])


def _introduction(document: Document) -> list[str]:
    """The document's description: its opening paragraph, then each numbered rule."""
    return [" ".join(part.split()) for part in _NUMBERED.split(document["info"]["description"])]


def _tags(document: Document) -> list[str]:
    return [tag["name"] for tag in document["tags"]]


def _steps(routes: Sequence[RouteView]) -> list[Step]:
    return [
        Step(
            "Sign in",
            "Google's sign-in gives your app an ID token for the user. The commands on this page take it from the shell:",
            command="export ID_TOKEN='eyJhbGciOi…'",
        ),
        Step(
            "Ask for a video",
            "One credit is set aside before the work begins. The answer names the job.",
            _find(routes, "POST", "/videos"),
        ),
        Step(
            "Wait for it",
            "Ask for the job until its `status` is `SUCCEEDED` or `FAILED`. With `?wait=` the answer comes when there is news.",
            _find(routes, "GET", "/jobs/{"),
        ),
        Step(
            "Look at the credits",
            "Delivered work is paid for; whatever failed has given its credits back.",
            _find(routes, "GET", "/credits"),
        ),
    ]


def _find(routes: Sequence[RouteView], method: str, path: str) -> RouteView | None:
    found = (route for route in routes if route.method == method and route.path.startswith(path))
    return min(found, key=lambda route: len(route.path), default=None)


def _public(summary: str) -> Endpoint:
    return Endpoint(access=Access.PUBLIC, summary=summary, bare=True)


def _file(name: str) -> bytes:
    return (files("service.web") / "templates" / name).read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _guarded(body: bytes, mimetype: str) -> Response:
    response = cacheable(body, mimetype)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
