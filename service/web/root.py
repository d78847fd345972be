"""The address `/`, where people begin who know only the host name, and the icon of every page."""

from importlib.resources import files
from urllib.parse import urlsplit

from flask import Blueprint, Response

from service.web.endpoint import Access, Endpoint, endpoint
from service.web.openapi.document import DOCS_PATH, ICON_PATH, ROOT_PATH

_ICON_CACHE_CONTROL = "public, max-age=86400"


def root_blueprint(local_start_url: str = "") -> Blueprint:
    """Redirects `/` to the page at `/docs`, or to the local stack's start page if there is one.

    The start page makes faults and signs anybody in, so it belongs to the simulators: the image of
    a deployment does not contain it."""
    blueprint = Blueprint("root", __name__)
    icon_body = (files("service.web.docs") / "static" / "icon.svg").read_bytes()

    @blueprint.get(ROOT_PATH)
    @endpoint(_public("Redirects to the page where people begin."))
    def root() -> Response:
        return Response(status=302, headers={"Location": local_start_url or DOCS_PATH})

    @blueprint.get(ICON_PATH)
    @endpoint(_public("The icon that browsers show for this service."))
    def icon() -> Response:
        headers = {"Cache-Control": _ICON_CACHE_CONTROL}
        return Response(icon_body, headers=headers, mimetype="image/svg+xml")

    return blueprint


def origins_of_start_page(local_start_url: str) -> tuple[str, ...]:
    """The origin from which the start page calls the service, whatever origins a developer
    allows; none where there is no start page."""
    parts = urlsplit(local_start_url)
    return (f"{parts.scheme}://{parts.netloc}",) if local_start_url else ()


def _public(summary: str) -> Endpoint:
    return Endpoint(access=Access.PUBLIC, summary=summary, bare=True)
