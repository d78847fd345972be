"""The newcomer's commands and the rows of the table of errors."""

import json
import shlex

import pytest

from service.web.docs.guide import NEW_KEY, curl_command, error_rows, introduction, prose, steps
from service.web.openapi.schemas import Document
from tests.doubles.documented import VIDEO_EXAMPLE, document_of, documented_app


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(documented_app())


def words(document: Document, method: str, path: str, query: str = "") -> list[str]:
    curl = curl_command(document, method, path, query)
    assert curl
    return shlex.split(curl.before + "http://service" + curl.after)


def test_a_command_sends_exactly_what_the_route_needs(document: Document) -> None:
    post = words(document, "POST", "/videos")
    assert post[:2] == ["curl", "http://service/videos"]
    assert json.loads(post[post.index("-d") + 1]) == VIDEO_EXAMPLE
    assert "Authorization: Bearer $ID_TOKEN" in post
    assert f"Idempotency-Key: {NEW_KEY}" in post


def test_a_command_for_a_public_route_carries_no_token(document: Document) -> None:
    assert words(document, "GET", "/health") == ["curl", "http://service/health"]


def test_a_command_carries_its_query(document: Document) -> None:
    assert words(document, "GET", "/health", "a=1&b=2")[1] == "http://service/health?a=1&b=2"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/health")])
def test_there_is_no_command_for_a_route_that_is_not_there(
    document: Document, method: str, path: str
) -> None:
    assert curl_command(document, method, path) is None


def test_a_step_without_its_route_has_no_command(document: Document) -> None:
    assert [bool(step.curl) for step in steps(document)] == [True, False, False]


def test_errors_come_by_status_and_say_how_long_to_wait(document: Document) -> None:
    rows = error_rows(document)
    assert [row.status for row in rows] == sorted(row.status for row in rows)
    waits = {row.code: row.retry_after for row in rows}
    assert (waits["AWAY"], waits["TOO_POOR"]) == ("60 s", "")


def test_the_introduction_is_the_first_paragraph_of_the_description(document: Document) -> None:
    text = introduction(document)
    assert text.startswith("Farebox ")
    assert "\n" not in text
    assert "1." not in text


def test_prose_knows_code_and_strong_and_escapes_the_rest() -> None:
    assert prose("1 < 2: **Send `a`** and `<b>` & more") == (
        "1 &lt; 2: <strong>Send <code>a</code></strong> and <code>&lt;b&gt;</code> &amp; more"
    )
