"""Requests that no honest client sends, byte for byte, to the service under gunicorn: each gets the
response it deserves, and the connection is left in a defined state."""

import json

from tests.journeys.api_client import ENVELOPE, SAFE_HEADERS
from tests.journeys.gate import FaultInjector, RawResponse
from tests.stack.live_stack import video_body

MARKER = "evil.example"


NEXT = (
    b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: the-next\r\nConnection: close\r\n\r\n"
)


def get(
    target: str = "/health/live", *headers: str, method: str = "GET", version: str = " HTTP/1.1"
) -> bytes:
    lines = [
        f"{method} {target}{version}",
        *(() if any(header.startswith("Host:") for header in headers) else ("Host: x",)),
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Post:
    """A request that would make a video, had it only honest headers."""

    def __init__(self, token: str) -> None:
        self.body = json.dumps(video_body()).encode()
        self._head = (
            f"POST /videos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: "
            "application/json\r\n"
        )

    def __call__(self, *headers: str, body: bytes | None = None) -> bytes:
        more = "".join(f"{header}\r\n" for header in headers)
        return (self._head + more + "\r\n").encode("latin-1") + (
            self.body if body is None else body
        )

    def whole(self, *headers: str) -> bytes:
        return self(f"Content-Length: {len(self.body)}", *headers)

    @property
    def chunked(self) -> bytes:
        return b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)


def first_of(gate: FaultInjector, request: bytes) -> RawResponse:
    """The response to the request, with another right behind it that is either served for itself or
    not at all."""
    first, *more = [
        response for response in gate.exchange(request + NEXT) if response.status != 100
    ]
    assert first.status < 500, first
    assert MARKER.encode() not in first.body
    assert MARKER not in str(first.headers)
    if first.status >= 400:
        assert_refused(first)
    if first.ends:
        assert more == [], "an answer after the last one"
    else:
        assert [(response.status, response.headers["x-request-id"]) for response in more] == [
            (200, "the-next")
        ]
    return first


def assert_refused(response: RawResponse) -> None:
    """The one envelope and the headers of every response, whoever refused."""
    content = json.loads(response.body)
    assert set(content) == ENVELOPE
    assert content["requestId"] == response.headers["x-request-id"]
    assert {name: response.headers.get(name.lower()) for name in SAFE_HEADERS} == SAFE_HEADERS
    assert response.headers["content-type"] == "application/json"
    assert "Traceback" not in response.body.decode()
