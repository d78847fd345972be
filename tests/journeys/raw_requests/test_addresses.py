"""Addresses, methods and versions that are not ours."""

import pytest

from tests.journeys.gate import FaultInjector
from tests.journeys.raw_requests.raw_client import first_of, get


@pytest.mark.parametrize(
    ("target", "status"),
    [
        *(
            (path, 404)
            for path in (
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
            ("http://evil.example", 302),
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
