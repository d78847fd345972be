"""Asserts the shape of every response, and that the served OpenAPI document has it."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from jsonschema import Draft202012Validator
from werkzeug.exceptions import MethodNotAllowed, NotFound

from service.core.ids import is_id
from service.web.openapi.operations import document_path
from tests.stack.live_stack import LiveStack

ENVELOPE = {"success", "error", "code", "details", "requestId"}
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


_documents: dict[frozenset[tuple[str, str]], dict[str, Any]] = {}


def _document(stack: LiveStack) -> dict[str, Any]:
    """The document of that stack, or of an earlier one with the same routes, which says the same
    but for the server's address: a stack takes longer to build its own than to start."""
    rules = stack.app.url_map.iter_rules()
    routes = frozenset((rule.rule, ",".join(sorted(rule.methods or ()))) for rule in rules)
    if routes not in _documents:
        _documents[routes] = stack.call("GET", "/openapi.json").json()
    return _documents[routes]


class ApiClient:
    """A client of a stack, signed in as `ann`."""

    def __init__(self, stack: LiveStack) -> None:
        self.stack = stack
        self.document = _document(stack)
        self.token = stack.token("ann", expires_in=10**6)

    def post(self, data: Any, **headers: str | None) -> requests.Response:
        """Sends POST /videos, signed in, with that body. A header such as `Content_Type` overrides
        the usual one, None removes it."""
        given = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        sent = {name: text for name, text in given.items() if text is not None}
        return self.stack.call("POST", "/videos", self.token, data=data, headers=sent)

    def post_fields(self, body: Any) -> requests.Response:
        return self.post(json.dumps(body).encode())

    def get(self, path: str) -> requests.Response:
        return self.stack.call("GET", path, self.token)

    def raw(
        self,
        *headers: str,
        data: bytes = b"",
        request: str = "POST /videos HTTP/1.1",
        end_input: bool = False,
    ) -> "RawResponse":
        """Sends a request line, headers and a body unchanged, signed in."""
        usual = [
            "Host: stack",
            f"Authorization: Bearer {self.token}",
            "Content-Type: application/json",
        ]
        head = "\r\n".join([request, *usual, *headers, "", ""]).encode("latin-1")
        return RawResponse(self.stack.raw(head + data, end_input=end_input))

    def assert_refused(self, response: requests.Response, status: int, code: str) -> dict[str, Any]:
        """Asserts the envelope of errors, the headers of every response, and that this error is
        documented. Returns the details."""
        content = response.json()
        assert (response.status_code, content.get("code")) == (status, code), response.text[:500]
        assert set(content) == ENVELOPE
        assert content["success"] is False
        assert content["error"]
        assert isinstance(content["details"], dict)
        assert content["requestId"] == response.headers["X-Request-Id"]
        assert response.headers["Content-Type"] == "application/json"
        self.assert_common_headers(response)
        assert ("Retry-After" in response.headers) is (status in (429, 503))
        assert ("WWW-Authenticate" in response.headers) is (status == 401)
        self._documented(response.request, status, code)
        details: dict[str, Any] = content["details"]
        return details

    def assert_common_headers(self, response: requests.Response) -> None:
        """Asserts the headers of every response."""
        assert (
            is_id("req", response.headers["X-Request-Id"])
            or "X-Request-Id" in response.request.headers
        )
        assert {name: response.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS
        assert "Origin" in response.headers["Vary"]
        assert "Set-Cookie" not in response.headers

    def assert_as_documented(self, response: requests.Response, schema: dict[str, Any]) -> None:
        """Asserts that a success has the body that the schema describes, formats included."""
        assert response.status_code == 200, response.text
        whole = {**schema, "components": self.document["components"]}
        checker = Draft202012Validator.FORMAT_CHECKER
        Draft202012Validator(whole, format_checker=checker).validate(response.json())

    def codes(self, rule: str, method: str, status: int) -> list[str]:
        """The documented error codes of a status of a route."""
        response = self.document["paths"][document_path(rule)][method.lower()]["responses"].get(
            str(status)
        )
        if response is None:
            return []
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
        return list(response["content"]["application/json"].get("examples", {}))

    def _documented(self, request: requests.PreparedRequest, status: int, code: str) -> None:
        path, method = unquote(urlsplit(request.url or "").path), str(request.method)
        try:
            rule, _ = self.stack.app.url_map.bind("stack").match(path, method, return_rule=True)
        except NotFound:
            assert code == "ROUTE_NOT_FOUND"
        except MethodNotAllowed:
            assert code == "METHOD_NOT_ALLOWED"
        else:
            assert code in self.codes(rule.rule, method, status), (
                f"{method} {rule} does not document {status} {code}"
            )


class RawResponse:
    """The response to raw bytes."""

    def __init__(self, response: bytes) -> None:
        head, _, self.body = response.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head.startswith(b"HTTP/1.") else 0
        self.code = json.loads(self.body)["code"] if self.body.startswith(b"{") else ""
