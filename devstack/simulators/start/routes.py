"""The start page and its files."""

from urllib.parse import urlsplit

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue


def start_blueprint(address: str, app_url: str) -> Blueprint:
    """Serves the page at `/` and its files below `/start/`. `address` is the origin that the
    service allows, `app_url` the service as a browser on this machine reaches it."""
    blueprint = Blueprint(
        "start",
        __name__,
        static_folder="static",
        static_url_path="/start",
        template_folder="templates",
    )
    policy = content_security_policy(app_url)

    @blueprint.get("/")
    def page() -> ResponseReturnValue:
        if request.host_url.rstrip("/") != address:
            # By another name (localhost), the page would be of an origin that is not allowed.
            return redirect(f"{address}/")
        return guarded("start.html")

    @blueprint.get("/app/")
    @blueprint.get("/app/<path:page>")
    def app_page(page: str = "") -> ResponseReturnValue:
        """Where the links in mails lead, in place of an app."""
        del page
        return guarded("app.html")

    def guarded(template: str) -> ResponseReturnValue:
        response = make_response(render_template(template, app_url=app_url.rstrip("/")))
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint


def content_security_policy(app_url: str) -> str:
    """Own files, the simulators' videos, and calls to the service. Nothing is inline, so no nonce
    is needed."""
    parts = urlsplit(app_url)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {parts.scheme}://{parts.netloc}",
            "media-src 'self'",
            f"connect-src 'self' {parts.scheme}://{parts.netloc}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
