"""The examples of the front-end guide call the service as its OpenAPI document says."""

import re
from pathlib import Path
from typing import Any

from service.web.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from tests.documents import errors
from tests.stack.live_stack import LiveStack

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "video.html"
PAGE = EXAMPLE.read_text(encoding="utf-8")
REACT = Path(__file__).parents[2] / "examples" / "react" / "src"


def fields(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    name = schema.get("$ref", "").rpartition("/")[2]
    described = document["components"]["schemas"][name] if name else schema
    # None of the examples uploads a file.
    return set(described["properties"]) - {"uploadId"}


def test_the_page_calls_only_routes_that_exist_with_the_fields_they_take(stack: LiveStack) -> None:
    document = stack.call("GET", "/openapi.json").json()
    called = {
        (method.lower(), re.sub(r"\$\{[^}]+\}", "{jobId}", path))
        for method, path in re.findall(r"call\(\"(\w+)\", [\"`](/[^\"`?]+)", PAGE)
    }
    assert called == {("get", "/credits"), ("get", "/jobs/{jobId}"), ("post", "/videos")}
    assert all(method in document["paths"][path] for method, path in called)
    assert "get" in document["paths"]["/prompts"]
    post = document["paths"]["/videos"]["post"]["requestBody"]["content"]["application/json"]
    body = re.findall(r"const body = \{\n(.*?)\n +\};", PAGE, re.DOTALL)
    assert set(re.findall(r"^ +(\w+):", body[0], re.MULTILINE)) == fields(document, post["schema"])


def test_the_page_sends_and_reads_only_headers_that_browsers_are_allowed() -> None:
    sent = {"Authorization", *re.findall(r"\"([\w-]+)\": ", PAGE)}
    assert sent == {"Authorization", "Content-Type", "Idempotency-Key"}
    assert sent <= set(ALLOWED_HEADERS)
    read = set(re.findall(r"headers\.get\(\"([\w-]+)\"\)", PAGE))
    assert read == {"Retry-After"}
    assert read <= set(EXPOSED_HEADERS)


def test_the_react_example_calls_only_routes_that_exist_with_the_fields_they_take(
    stack: LiveStack,
) -> None:
    document = stack.call("GET", "/openapi.json").json()
    client = (REACT / "farebox.ts").read_text(encoding="utf-8")
    called = {
        re.sub(r"\$\{[^}]*?(\w+Id)\)?\}", r"{\1}", path)
        for path in re.findall(r"[\"`](/[a-z][^\"`?]*)", client)
    }
    selling = {"/credits/packages", "/stripe/checkout", "/stripe/orders/{orderId}"}
    assert called == {"/credits", "/jobs/{jobId}", "/prompts", "/videos"} | selling
    assert called <= document["paths"].keys()
    post = document["paths"]["/videos"]["post"]["requestBody"]["content"]["application/json"]
    (request,) = re.findall(r"interface VideoRequest \{\n(.*?)\n\}", client, re.DOTALL)
    assert set(re.findall(r"^ +(\w+):", request, re.MULTILINE)) == fields(document, post["schema"])


def test_the_react_example_has_words_only_for_codes_that_exist() -> None:
    codes = set(
        re.findall(r"^  ([A-Z_]+): ", (REACT / "messages.ts").read_text("utf-8"), re.MULTILINE)
    )
    assert "INSUFFICIENT_CREDITS" in codes
    # The example's own word for a response that was lost.
    assert codes - {"NO_RESPONSE"} <= {error.code for error in errors()}
