"""How every answer must look, and that the served OpenAPI document says so."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
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


class Face:
    """A town as its clients see it."""

    def __init__(self, stack: LiveStack) -> None:
        self.stack = stack
        self.document: dict[str, Any] = stack.call("GET", "/openapi.json").json()
        self.token = stack.token("ann", expires_in=10**6)

    def post(self, data: Any, **headers: str | None) -> requests.Response:
        """POST /videos with that body, signed in, as JSON unless a header (`Content_Type`) says
        otherwise; None takes one away."""
        given = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        sent = {name: text for name, text in given.items() if text is not None}
        return self.stack.call("POST", "/videos", self.token, data=data, headers=sent)

    def post_fields(self, body: Any) -> requests.Response:
        return self.post(json.dumps(body).encode())

    def get(self, path: str) -> requests.Response:
        return self.stack.call("GET", path, self.token)

    def refused(self, answer: requests.Response, status: int, code: str) -> dict[str, Any]:
        """Asserts the one shape of errors, the headers of every answer, and that this refusal is
        documented; gives the details."""
        content = answer.json()
        assert (answer.status_code, content.get("code")) == (status, code), answer.text[:500]
        assert set(content) == ENVELOPE
        assert content["success"] is False
        assert content["error"]
        assert isinstance(content["details"], dict)
        assert content["requestId"] == answer.headers["X-Request-Id"]
        assert answer.headers["Content-Type"] == "application/json"
        self.surrounded(answer)
        assert ("Retry-After" in answer.headers) is (status in (429, 503))
        assert ("WWW-Authenticate" in answer.headers) is (status == 401)
        self._documented(answer.request, status, code)
        details: dict[str, Any] = content["details"]
        return details

    def surrounded(self, answer: requests.Response) -> None:
        """Asserts what is on every answer."""
        assert (
            is_id("req", answer.headers["X-Request-Id"]) or "X-Request-Id" in answer.request.headers
        )
        assert {name: answer.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS
        assert "Origin" in answer.headers["Vary"]
        assert "Set-Cookie" not in answer.headers

    def codes(self, rule: str, method: str, status: int) -> list[str]:
        """The error codes that the document names for a status of a route."""
        response = self.document["paths"][document_path(rule)][method.lower()]["responses"].get(
            str(status)
        )
        if response is None:
            return []
        codes: list[str] = response["content"]["application/json"]["schema"]["allOf"][1][
            "properties"
        ]["code"]["enum"]
        return codes

    def _documented(self, request: requests.PreparedRequest, status: int, code: str) -> None:
        path, method = unquote(urlsplit(request.url or "").path), str(request.method)
        try:
            rule, _ = self.stack.app.url_map.bind("town").match(path, method, return_rule=True)
        except NotFound:
            assert code == "ROUTE_NOT_FOUND"
        except MethodNotAllowed:
            assert code == "METHOD_NOT_ALLOWED"
        else:
            assert code in self.codes(rule.rule, method, status), (
                f"{method} {rule} does not document {status} {code}"
            )


class RawAnswer:
    """What came back for bytes sent as they are."""

    def __init__(self, answer: bytes) -> None:
        head, _, self.body = answer.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head.startswith(b"HTTP/1.") else 0
        self.code = json.loads(self.body)["code"] if self.body.startswith(b"{") else ""
