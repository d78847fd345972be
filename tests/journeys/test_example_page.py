"""The example page of the front-end guide calls the service as its OpenAPI document says."""

import re
from pathlib import Path
from typing import Any

from service.web.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from tests.stack.live_stack import LiveStack

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "video.html"
PAGE = EXAMPLE.read_text(encoding="utf-8")


def fields(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    name = schema.get("$ref", "").rpartition("/")[2]
    described = document["components"]["schemas"][name] if name else schema
    return set(described["properties"])


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
