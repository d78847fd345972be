"""The page at `/docs` and its files."""

import secrets
import uuid
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

from flask import Blueprint, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from service.web.docs import scalar
from service.web.docs.assets import Asset, own_asset
from service.web.docs.guide import NEW_KEY, error_rows, introduction, prose, steps
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.openapi.document import DOCS_PATH
from service.web.openapi.schemas import Document

LOCAL_ADDRESS = "http://127.0.0.1:8080"
# Stands in the rendered page where each response has a nonce of its own.
NONCE = "{nonce}"


def docs_blueprint(document: Callable[[], Document], local_token_url: str = "") -> Blueprint:
    """Serves the page at `/docs` and its files under `/docs/`. `document` is called by the first
    request of the page.

    `local_token_url` is a simulator's address, where the page gets a token of a simulated user;
    empty everywhere but on a developer's machine."""
    blueprint = Blueprint("docs", __name__)
    style, script, reference = own_asset("docs", "css"), own_asset("docs", "js"), scalar.bundle()

    @cache
    def page() -> str:
        return render_page(document(), style, script, reference, local_token_url)

    @blueprint.get(DOCS_PATH)
    @endpoint(_public("This API as a page to read and to try."))
    def docs() -> Response:
        nonce = secrets.token_urlsafe(16)
        own = page().replace(NONCE, nonce).replace(NEW_KEY, str(uuid.uuid4()))
        response = Response(own, mimetype="text/html")
        response.headers["Content-Security-Policy"] = content_security_policy(
            nonce, local_token_url
        )
        # A stored page would carry a nonce that is known already.
        response.headers["Cache-Control"] = "no-store"
        return response

    for asset in (style, script, reference):
        view = endpoint(_public("A file of that page."))(asset.response)
        blueprint.add_url_rule(f"{DOCS_PATH}/{asset.file_name}", f"{asset.name}_{asset.kind}", view)
    return blueprint


def content_security_policy(nonce: str, local_token_url: str = "") -> str:
    """What the page may load and call: this service's own scripts, styles and routes, and the
    local simulator if there is one.

    The reference creates `<style>` elements, to which our script adds the nonce. It also sets
    `style` attributes, which a nonce cannot allow (CSP 3, 6.7.3). Neither can load anything from
    another host: that is for the other directives to allow."""
    token_origin = origin_of(local_token_url)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src-elem 'self' 'nonce-{nonce}'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data:",
            f"connect-src 'self' {token_origin}".rstrip(),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def render_page(
    document: Document, style: Asset, script: Asset, reference: Asset, local_token_url: str = ""
) -> str:
    """The page as HTML. Its commands name the document's server; the script puts in the address
    that the page was read from."""
    environment = Environment(
        loader=PackageLoader("service.web.docs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    server = document["servers"][0]["url"]
    return environment.get_template("docs.html").render(
        title=document["info"]["title"],
        version=document["info"]["version"],
        address=LOCAL_ADDRESS if server == "/" else server,
        introduction=introduction(document),
        steps=steps(document),
        errors=error_rows(document),
        files=DOCS_PATH,
        style=style.file_name,
        script=script.file_name,
        reference=reference.file_name,
        local_token_url=local_token_url,
        nonce=NONCE,
    )


def origin_of(url: str) -> str:
    """The origin of an address; empty for none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def _public(summary: str) -> Endpoint:
    return Endpoint(access=Access.PUBLIC, summary=summary, bare=True)
