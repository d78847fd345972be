from collections.abc import Mapping, MutableMapping
from typing import Any

import pytest
import structlog

from service.core.ids import is_id
from service.core.metrics import Metric
from tests.web.small_app import SmallApp, small_app

SECRETS = ("s3cr3t-token", "s3cr3t-query", "s3cr3t-bearer", "s3cr3t-note", "s3cr3t-print")


def lines_of(part: SmallApp, path: str, **options: Any) -> list[MutableMapping[str, Any]]:
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as logs:
        part.app.test_client().open(path, **options)
    return logs


@pytest.mark.parametrize("given", ["a", "ABC-123_x.y", "0" * 64])
def test_a_well_formed_request_id_is_taken(given: str) -> None:
    response = small_app().app.test_client().get("/misbehave", headers={"X-Request-Id": given})
    assert response.headers.getlist("X-Request-Id") == [given]


@pytest.mark.parametrize("given", ["", "a b", "a,b", "a/b", "é", "a\tb", "<x>", "0" * 65, "٣"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    response = (
        small_app()
        .app.test_client()
        .get("/misbehave", environ_overrides={"HTTP_X_REQUEST_ID": given})
    )
    assert is_id("req", response.headers["X-Request-Id"])


def test_each_request_has_its_own_id_in_response_error_and_log() -> None:
    part = small_app()
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as logs:
        responses = [part.app.test_client().get("/nowhere") for _ in range(3)]
    ids = [response.headers["X-Request-Id"] for response in responses]
    assert len(set(ids)) == 3
    assert [response.get_json()["requestId"] for response in responses] == ids
    assert [line["request_id"] for line in logs] == ids


def test_the_id_is_forgotten_when_the_request_is_over() -> None:
    small_app().app.test_client().get("/misbehave")
    assert structlog.contextvars.get_contextvars() == {}


def test_one_line_describes_the_request() -> None:
    [line] = lines_of(small_app(), "/misbehave", headers={"X-Request-Id": "abc"})
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "abc",
        "method": "GET",
        "route": "/misbehave",
        "status": 200,
        "milliseconds": 250.0,
    }


def test_the_line_of_an_error_has_its_code() -> None:
    [line] = lines_of(small_app(), "/notes?theNote=&x=1")
    assert (line["status"], line["code"], line["route"]) == (400, "VALIDATION_FAILED", "/notes")


def test_an_unknown_address_is_not_repeated() -> None:
    [line] = lines_of(small_app(), "/s3cr3t-token")
    assert (line["status"], line["code"], line["route"]) == (404, "ROUTE_NOT_FOUND", "(none)")


@pytest.mark.parametrize(
    "path",
    ["/sealed/s3cr3t-token?s3cr3t-query", "/misbehave?a=s3cr3t-query", "/notes", "/s3cr3t-token"],
)
def test_no_line_and_no_number_holds_what_the_client_sent(path: str) -> None:
    def fail() -> None:
        raise RuntimeError

    part = small_app(misbehave=fail)
    lines = lines_of(
        part,
        path,
        method="POST" if path == "/notes" else "GET",
        json={"theNote": "s3cr3t-note", "Fingerprint": "s3cr3t-print"}
        if path == "/notes"
        else None,
        headers={
            "Authorization": "Bearer s3cr3t-bearer",
            "Cookie": "a=s3cr3t-token",
            "User-Agent": "s3cr3t-print",
        },
    )
    assert lines
    reported = repr(lines) + repr(part.counts.measured)
    assert [secret for secret in SECRETS if secret in reported] == []


def test_requests_are_counted_and_timed_by_template() -> None:
    part = small_app()
    client = part.app.test_client()
    for path in ("/misbehave", "/sealed/a", "/sealed/b", "/nowhere", "/elsewhere"):
        client.get(path)
    client.open("/misbehave", method="BREW")
    assert [labels["status"] for _, labels in part.counts.of(Metric.REQUESTS)] == ["2xx"] * 3 + [
        "4xx"
    ] * 3
    assert part.counts.of(Metric.REQUEST_LATENCY) == [
        (250.0, {"route": "GET /misbehave"}),
        (0.0, {"route": "GET /sealed/<token>"}),
        (0.0, {"route": "GET /sealed/<token>"}),
        *[(0.0, {"route": "(none)"})] * 3,
    ]


@pytest.mark.parametrize("path", ["/misbehave", "/nowhere", "/notes"])
def test_every_response_has_the_security_headers(path: str) -> None:
    headers = small_app().app.test_client().get(path).headers
    assert safe(headers) == {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }


def test_a_page_may_be_cached_and_have_a_policy_of_its_own_and_nothing_else() -> None:
    assert safe(small_app().app.test_client().get("/page").headers) == {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "max-age=60",
        "Content-Security-Policy": "default-src 'self'",
    }


def test_only_production_binds_browsers_to_https() -> None:
    for path in ("/misbehave", "/nowhere"):
        headers = small_app(production=True).app.test_client().get(path).headers
        assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def safe(headers: Mapping[str, str]) -> dict[str, str]:
    names = (
        "X-Content-Type-Options",
        "Referrer-Policy",
        "Cache-Control",
        "Content-Security-Policy",
        "Strict-Transport-Security",
    )
    return {name: headers[name] for name in names if name in headers}
