"""The cookie that a browser keeps for pages of the allowed origins."""

from typing import Any

import pytest
from flask import Flask, Response, g, jsonify

from service.web.errors import register_errors
from service.web.page_cookie import CSRF_HEADER, CookieTerms, PageCookie
from tests.web.small_app import Counts

PAGE = "https://app.example.com"
EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
ALLOWED = {"Origin": PAGE, CSRF_HEADER: "1"}


def cookie(same_site: str = "Strict", *, secure: bool = True) -> PageCookie:
    return PageCookie(CookieTerms("keep", "/auth", same_site, secure), (PAGE, EXTENSION))


def read(headers: dict[str, str]) -> tuple[int, Any]:
    """What a request with the cookie reads."""
    app, kept = Flask("x", static_folder=None), cookie()
    register_errors(app, Counts())
    app.before_request(lambda: setattr(g, "request_id", "req"))
    app.add_url_rule("/auth", view_func=lambda: jsonify(kept.read()), methods=["POST"])
    response = app.test_client(use_cookies=False).post(
        "/auth", headers={"Cookie": "__Secure-keep=v"} | headers
    )
    content: Any = response.get_json()
    return response.status_code, content["code"] if isinstance(content, dict) else content


def set_by(kept: PageCookie) -> str:
    response = Response()
    kept.put(response, "v", 60)
    return response.headers["Set-Cookie"]


@pytest.mark.parametrize("origin", [PAGE, EXTENSION])
def test_an_allowed_page_is_read(origin: str) -> None:
    assert read({"Origin": origin, CSRF_HEADER: "1"}) == (200, "v")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": PAGE},
        {CSRF_HEADER: "1"},
        {"Origin": PAGE, CSRF_HEADER: "0"},
        {"Origin": PAGE, CSRF_HEADER: ""},
        {"Origin": "null", CSRF_HEADER: "1"},
        {"Origin": f"{PAGE}:8443", CSRF_HEADER: "1"},
        {"Origin": f"{PAGE}/", CSRF_HEADER: "1"},
        {"Origin": PAGE.upper(), CSRF_HEADER: "1"},
        {"Origin": "https://sub.app.example.com", CSRF_HEADER: "1"},
        {"Origin": f"{PAGE}.evil.example", CSRF_HEADER: "1"},
    ],
)
def test_no_one_else_is(headers: dict[str, str]) -> None:
    assert read(headers) == (403, "CSRF_REJECTED")


def test_a_request_without_the_cookie_needs_no_page() -> None:
    assert read({"Cookie": "other=v"}) == (200, None)


def test_a_cookie_of_another_name_is_none() -> None:
    assert read({"Cookie": "keep=v"} | ALLOWED) == (200, None)


def test_scripts_and_plain_http_do_not_get_it_and_other_paths_neither() -> None:
    name, *attributes = set_by(cookie()).split("; ")
    assert name == "__Secure-keep=v"
    kept = {each for each in attributes if not each.startswith("Expires")}
    assert kept == {"HttpOnly", "Max-Age=60", "Path=/auth", "SameSite=Strict", "Secure"}


def test_pages_of_other_sites_keep_one_each() -> None:
    assert {"SameSite=None", "Secure", "Partitioned"} <= set(set_by(cookie("None")).split("; "))
    assert "Partitioned" not in set_by(cookie("Lax"))


def test_a_local_stack_without_https_keeps_it_under_a_plain_name() -> None:
    text = set_by(cookie(secure=False))
    assert text.startswith("keep=v; ")
    assert "Secure" not in text


def test_it_is_forgotten_with_the_same_terms() -> None:
    response = Response()
    cookie("None").clear(response)
    parts = set(response.headers["Set-Cookie"].split("; "))
    assert {"__Secure-keep=", "Max-Age=0", "Path=/auth", "Secure", "SameSite=None"} <= parts
