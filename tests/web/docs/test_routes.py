"""The page, its policy and its files."""

import re
import uuid
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from service.web.docs import scalar
from service.web.docs.assets import own_asset
from service.web.docs.guide import error_rows, steps
from service.web.docs.operators_page import OPERATORS_PATH
from service.web.docs.routes import content_security_policy, render_page
from service.web.openapi.schemas import Document
from tests.doubles.documented import document_of, documented_app, served_app

TOKEN_URL = "http://127.0.0.1:8090/google/__token"


class Page(HTMLParser):
    """What the tests need of the page: its links, its ids, its landmarks, its code blocks, its
    attributes, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.commands: list[str] = []
        self.text = ""
        self._in_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [
            value or "" for name, value in attrs if name in ("href", "src", "action", "srcset")
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "pre":
            self.commands.append("")
            self._in_code = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_code = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_code:
            self.commands[-1] += data


def rendered(document: Document, local_token_url: str = "") -> str:
    style, script = own_asset("docs", "css"), own_asset("docs", "js")
    return render_page(document, style, script, scalar.bundle(), local_token_url)


def directives(policy: str) -> dict[str, list[str]]:
    parts = (directive.split() for directive in policy.split("; "))
    return {name: sources for name, *sources in parts}


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(documented_app())


@pytest.fixture(scope="module")
def page(document: Document) -> Page:
    return Page(rendered(document))


@pytest.fixture
def client() -> FlaskClient:
    return served_app().test_client()


def test_the_page_starts_with_what_a_newcomer_does(page: Page) -> None:
    titles = ("Start here", "Sign in", "Request a video", "Every error has one shape")
    places = [page.text.index(title) for title in titles]
    assert places == sorted(places)


def test_the_page_holds_the_command_of_every_step(page: Page, document: Document) -> None:
    curls = [step.curl for step in steps(document) if step.curl]
    assert curls
    for curl in curls:
        assert f"{curl.before}http://127.0.0.1:8080{curl.after}" in page.commands


def test_each_response_has_an_idempotency_key_of_its_own(client: FlaskClient) -> None:
    found = [re.findall(r"Idempotency-Key: ([^&#]+)", client.get("/docs").text) for _ in range(2)]
    keys = {key for (key,) in found}
    assert len(keys) == 2
    assert all(str(uuid.UUID(key)) == key for key in keys)


def test_the_page_holds_every_code_with_its_meaning_and_advice(
    page: Page, document: Document
) -> None:
    text = " ".join(page.text.split())
    for error in error_rows(document):
        assert f"error-{error.code}" in page.ids
        assert f"{error.status} {error.code}" in text
        assert error.meaning in text
        assert error.advice.replace("`", "") in text


def test_the_page_has_a_place_for_the_reference(page: Page) -> None:
    assert "reference" in page.ids


def test_the_page_refers_to_no_other_host(page: Page) -> None:
    assert page.addresses
    assert all(re.match(r"[#/](?!/)", address) for address in page.addresses)


def test_neither_style_nor_script_refers_to_any_host() -> None:
    for kind in ("css", "js"):
        content = own_asset("docs", kind).body.decode()
        assert not re.search(r"https?://|@import|url\(|//\w+\.", content)


def test_every_link_inside_the_page_leads_somewhere(page: Page) -> None:
    inside = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_itself_needs_nothing_that_a_strict_policy_forbids(page: Page) -> None:
    assert "style" not in page.tags
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]


def test_the_policy_allows_this_service_and_no_other_host(client: FlaskClient) -> None:
    policy = directives(client.get("/docs").headers["Content-Security-Policy"])
    nonce = policy["style-src-elem"].pop()
    assert re.fullmatch(r"'nonce-[\w-]{22}'", nonce)
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src-elem": ["'self'"],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


def test_the_local_simulator_is_the_only_other_address_that_the_policy_can_name() -> None:
    plain = directives(content_security_policy("n"))
    local = directives(content_security_policy("n", TOKEN_URL))
    assert local.pop("connect-src") == ["'self'", "http://127.0.0.1:8090"]
    assert plain.pop("connect-src") == ["'self'"]
    assert local == plain


def test_each_response_has_a_nonce_of_its_own_and_is_not_stored(client: FlaskClient) -> None:
    nonces = set()
    for _ in range(3):
        response = client.get("/docs")
        assert response.headers["Cache-Control"] == "no-store"
        (nonce,) = re.findall(r'csp-nonce" content="([^"]+)"', response.text)
        assert f"'nonce-{nonce}'" in response.headers["Content-Security-Policy"]
        nonces.add(nonce)
    assert len(nonces) == 3


def test_the_page_offers_a_local_token_only_where_an_address_is_set(
    document: Document,
) -> None:
    assert "local-token" not in rendered(document)
    assert "Start page" not in rendered(document)
    assert "simulated user" not in rendered(document)
    local = rendered(document, TOKEN_URL)
    assert f'data-local-token-url="{TOKEN_URL}"' in local
    assert "simulated user" in local
    assert '<a href="/">Start page</a>' in local


def test_the_page_has_landmarks_a_language_and_a_way_past_the_guide(page: Page) -> None:
    assert {"header", "nav", "main", "h1", "title"} <= set(page.tags)
    assert page.tags.count("main") == page.tags.count("h1") == 1
    assert "lang" in page.attributes
    assert "#reference" in page.addresses


def test_what_routes_say_of_themselves_cannot_become_markup(document: Document) -> None:
    html = rendered(document)
    assert "&lt;b&gt;Nothing&lt;/b&gt; was charged &amp; nothing" in html
    assert "<b>" not in html


def test_the_page_names_the_public_address_if_it_is_known() -> None:
    html = rendered(document_of(documented_app(), "https://api.example.com"))
    assert "https://api.example.com</span>" in html


def test_the_files_that_the_page_loads_are_there_and_kept_for_a_year(client: FlaskClient) -> None:
    loaded = [
        address
        for address in Page(client.get("/docs").text).addresses
        if address.startswith("/docs/") and address != OPERATORS_PATH
    ]
    assert len(loaded) == 3
    for address in loaded:
        response = client.get(address)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_file_of_another_release_is_not_there_and_nothing_is_kept(client: FlaskClient) -> None:
    response = client.get("/docs/docs-0000000000000000.js")
    assert response.status_code == 404
    assert "Cache-Control" not in response.headers


def test_a_document_without_the_main_routes_has_a_page_all_the_same(document: Document) -> None:
    html = rendered({**document, "paths": {"/health": document["paths"]["/health"]}})
    assert "Start here" in html
    assert "/videos" not in Page(html).text
