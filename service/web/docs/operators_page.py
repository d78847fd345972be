"""The page at `/docs/operators`, where operators enrol passkeys and get proofs of their second
factor.

Everything on it is this service's own: no script of anybody else runs where a token is pasted."""

from functools import cache

from flask import Blueprint, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from service.web.docs.assets import own_asset
from service.web.docs.routes import origin_of
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.openapi.document import DOCS_PATH

OPERATORS_PATH = f"{DOCS_PATH}/operators"


def operators_page_blueprint(local_token_url: str = "") -> Blueprint:
    """`local_token_url` is a simulator's address, where the page gets a token of the local stack's
    operator; empty everywhere but on a developer's machine."""
    blueprint = Blueprint("operators_page", __name__)
    style, script = own_asset("operators", "css"), own_asset("operators", "js")
    page = render_operators_page(local_token_url)
    policy = operators_policy(local_token_url)

    @blueprint.get(OPERATORS_PATH)
    @endpoint(_public("The page where operators use their passkeys."))
    def operators() -> Response:
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = policy
        response.headers["Permissions-Policy"] = (
            "publickey-credentials-create=(self), publickey-credentials-get=(self)"
        )
        return response

    for asset in (style, script):
        view = endpoint(_public("A file of that page."))(asset.response)
        blueprint.add_url_rule(f"{DOCS_PATH}/{asset.file_name}", f"{asset.name}_{asset.kind}", view)
    return blueprint


def operators_policy(local_token_url: str = "") -> str:
    """This service's own script, styles and routes, and nothing else; besides them the local
    simulator if there is one."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' {origin_of(local_token_url)}".rstrip(),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


@cache
def render_operators_page(local_token_url: str = "") -> str:
    environment = Environment(
        loader=PackageLoader("service.web.docs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("operators.html").render(
        files=DOCS_PATH,
        docs_style=own_asset("docs", "css").file_name,
        style=own_asset("operators", "css").file_name,
        script=own_asset("operators", "js").file_name,
        local_token_url=local_token_url,
    )


def _public(summary: str) -> Endpoint:
    return Endpoint(access=Access.PUBLIC, summary=summary, bare=True)
