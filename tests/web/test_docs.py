import json
import re
import shlex
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from service.web.docs import json_colours, prose, render_page
from service.web.docs_view import error_views, route_views
from service.web.endpoint import declared_endpoints
from service.web.openapi.schemas import Document
from tests.doubles.documented import VIDEO_EXAMPLE, document_of, documented_app, served_app


class Page(HTMLParser):
    """What the tests ask of the page: its links, its ids, its landmarks, its code blocks, its
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


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(documented_app())


@pytest.fixture(scope="module")
def page(document: Document) -> Page:
    return Page(render_page(document))


@pytest.fixture
def client() -> FlaskClient:
    return served_app().test_client()


def test_the_page_holds_every_route_and_who_may_call_it(page: Page, document: Document) -> None:
    views = route_views(document)
    assert len(views) == len(list(declared_endpoints(documented_app())))
    for view in views:
        assert view.anchor in page.ids
        assert f"#{view.anchor}" in page.addresses
        assert view.path in page.text
        assert f"May be called by {view.access}" in page.text


def test_the_page_holds_every_code_with_its_meaning_and_advice(
    page: Page, document: Document
) -> None:
    text = " ".join(page.text.split())
    for error in error_views(document):
        assert f"error-{error.code}" in page.ids
        assert f"{error.status} {error.code}" in text
        assert error.meaning in text
        assert error.advice.replace("`", "") in text
        assert error.example in page.commands
    assert "Retry-After: 60 s" in text


def test_each_route_on_the_page_lists_its_own_errors_and_the_shared_ones(
    document: Document,
) -> None:
    articles = {
        article.split('"', 2)[1]: article
        for article in render_page(document).split('<article class="route" id=')[1:]
    }
    for view in route_views(document):
        linked = re.findall(
            r'href="#error-(\w+)"', articles[view.anchor].partition("</article>")[0]
        )
        assert linked == [error.code for error in view.errors + view.shared_errors]
    assert [error.code for error in route_views(document)[0].errors] == [
        "PROMPT_UNKNOWN",
        "TOO_POOR",
        "AWAY",
    ]


def test_the_page_holds_a_command_for_every_route(page: Page, document: Document) -> None:
    for view in route_views(document):
        command = f"{view.curl.before}http://127.0.0.1:8080{view.curl.after}"
        assert command in page.commands
        assert shlex.split(command)[0] == "curl"


def test_a_command_sends_exactly_what_the_route_needs(document: Document) -> None:
    commands = {
        view.method: shlex.split(view.curl.before + view.curl.after)
        for view in route_views(document)
    }
    post = commands["POST"]
    assert json.loads(post[post.index("-d") + 1]) == VIDEO_EXAMPLE
    assert "Authorization: Bearer $ID_TOKEN" in post
    assert "Idempotency-Key: $(uuidgen)" in post
    assert post[1] == "/videos"
    assert commands["DELETE"][1:] == ["-X", "DELETE", "/files/FILE_NUMBER"]


def test_a_command_fills_the_path_and_the_query_that_is_needed(document: Document) -> None:
    job = next(view for view in route_views(document) if view.path == "/jobs/{jobId}")
    assert shlex.split(job.curl.before + job.curl.after)[1] == (
        "/jobs/job_01kbx3v9m2t7q8r5w6y4z1h0ce?kind=short+%26+sweet"
    )


def test_the_page_refers_to_no_other_host(page: Page) -> None:
    assert page.addresses
    assert all(re.match(r"[#/](?!/)", address) for address in page.addresses)


def test_neither_style_nor_script_refers_to_any_host(client: FlaskClient) -> None:
    for path in ("/docs/style.css", "/docs/script.js"):
        assert not re.search(r"https?://|@import|url\(|//\w+\.", client.get(path).text)


def test_every_link_inside_the_page_leads_somewhere(page: Page) -> None:
    inside = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_needs_nothing_that_a_strict_policy_forbids(
    page: Page, client: FlaskClient
) -> None:
    assert "style" not in page.tags
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]
    policy = client.get("/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_has_landmarks_a_language_and_a_way_past_the_navigation(page: Page) -> None:
    assert {"header", "nav", "main", "h1", "title"} <= set(page.tags)
    assert page.tags.count("main") == page.tags.count("h1") == 1
    assert "lang" in page.attributes
    assert "#content" in page.addresses


def test_the_page_starts_with_what_a_newcomer_does(page: Page) -> None:
    steps = (
        "Sign in",
        "Ask for a video",
        "Wait for it",
        "Look at the credits",
        "Rules for every call",
    )
    places = [page.text.index(step, page.text.index("Farebox stands")) for step in steps]
    assert places == sorted(places)


def test_fields_inside_fields_are_told_with_their_whole_name(document: Document) -> None:
    rows = {row.name: row for row in route_views(document)[0].answer_rows}
    assert rows["credits.held"].text == "Set aside."
    assert rows["parts[].captured"].kind == "integer"
    assert rows["videoUrl"].kind == "string or null"
    assert rows["videoUrl"].limits == "format uri"
    assert rows["status"].limits == 'one of "SUBMITTED", "SUCCEEDED", "FAILED"'
    fields = {row.name: row for row in route_views(document)[0].fields}
    assert fields["imageUrl"].required
    assert fields["crop.width"].limits == "1 to 4,096"


def test_what_routes_say_of_themselves_cannot_become_markup(document: Document) -> None:
    html = render_page(document)
    assert "&lt;b&gt;Nothing&lt;/b&gt; was charged &amp; nothing" in html
    assert "<b>" not in html


def test_prose_knows_code_and_strong_and_escapes_the_rest() -> None:
    assert prose("1 < 2: **Send `a`** and `<b>` & more") == (
        "1 &lt; 2: <strong>Send <code>a</code></strong> and <code>&lt;b&gt;</code> &amp; more"
    )


def test_coloured_json_is_the_same_text() -> None:
    text = json.dumps({"a": ['x "quoted" <b>: 1', -1.5e3, True, None], "b": {}}, indent=2)
    assert json_colours(text).striptags().split() == text.split()
    assert "<b>" not in json_colours(text)


def test_the_page_names_the_public_address_if_it_is_known() -> None:
    html = render_page(document_of(documented_app(), "https://api.example.com"))
    assert "https://api.example.com</span>/videos" in html
    assert 'data-address-known="yes"' in html


@pytest.mark.parametrize(
    ("path", "mimetype"),
    [
        ("/docs", "text/html"),
        ("/docs/style.css", "text/css"),
        ("/docs/script.js", "text/javascript"),
    ],
)
def test_the_page_and_its_parts_are_served_for_caches(
    client: FlaskClient, path: str, mimetype: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    assert "max-age" in answer.headers["Cache-Control"]
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_parts_that_the_page_asks_for_are_there(client: FlaskClient) -> None:
    asked = [
        address for address in Page(client.get("/docs").text).addresses if address.startswith("/")
    ]
    assert len(asked) == 3
    assert all(client.get(address).status_code == 200 for address in asked)


def test_a_document_without_the_main_routes_has_a_page_all_the_same(document: Document) -> None:
    paths = {"/health": document["paths"]["/health"]}
    html = render_page({**document, "paths": paths, "tags": [{"name": "health"}]})
    assert "Start here" in html
    assert "/videos" not in Page(html).text
