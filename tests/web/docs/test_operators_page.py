"""The operators' page: nothing on it is anybody else's, and nothing of it is kept."""

import re

from flask import Flask

from service.web.docs.assets import own_asset
from service.web.docs.operators_page import (
    OPERATORS_PATH,
    operators_page_blueprint,
    operators_policy,
    render_operators_page,
)
from tests.web.docs.test_routes import TOKEN_URL, Page


def test_the_page_and_its_files_are_served_under_a_strict_policy() -> None:
    app = Flask("page", static_folder=None)
    app.register_blueprint(operators_page_blueprint())
    client = app.test_client()
    response = client.get(OPERATORS_PATH)
    policy = response.headers["Content-Security-Policy"]
    assert policy == operators_policy()
    assert "unsafe" not in policy
    assert "http" not in policy
    files = [each for each in Page(response.text).addresses if "/operators-" in each]
    assert len(files) == 2
    for file in files:
        assert client.get(file).status_code == 200


def test_the_page_loads_from_here_alone_and_has_nothing_inline() -> None:
    page = Page(render_operators_page())
    assert all(address.startswith("/") for address in page.addresses)
    assert not {name for name in page.attributes if name == "style" or name.startswith("on")}
    assert "style" not in page.tags
    assert page.tags.count("script") == 1
    labels = re.findall(r'<label for="([^"]+)"', render_operators_page())
    assert set(labels) <= set(page.ids)
    assert len(labels) == page.tags.count("input") + page.tags.count("textarea")


def test_only_a_local_stack_is_offered_a_sign_in_without_a_token() -> None:
    assert "local-sign-in" not in render_operators_page()
    assert "local-sign-in" in render_operators_page(TOKEN_URL)
    assert "connect-src 'self' http://127.0.0.1:8090;" in operators_policy(TOKEN_URL)
    assert "connect-src 'self';" in operators_policy()


def test_the_script_keeps_no_token_and_writes_no_markup() -> None:
    script = own_asset("operators", "js").body.decode()
    for way in ("localStorage", "sessionStorage", "cookie", "indexedDB", "innerHTML", "eval("):
        assert way not in script
