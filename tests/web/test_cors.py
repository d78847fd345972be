import pytest
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from tests.web.small_app import small_app

SITE = "https://app.example.com"
EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
LOCAL = "http://localhost:3000"
ALLOWED = (SITE, EXTENSION, LOCAL)

STRANGERS = [
    "null",
    "",
    "*",
    "https://evil.com",
    "http://app.example.com",
    "https://app.example.com.evil.com",
    "https://app.example.community",
    "https://evil-app.example.com",
    "https://evilapp.example.com",
    "https://x.app.example.com",
    "https://example.com",
    "https://appXexample.com",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://app.example.com/path",
    "https://APP.example.com",
    "HTTPS://app.example.com",
    "https://app.example.com, https://evil.com",
    "https://app.example.com https://evil.com",
    "https://user@app.example.com",
    "https://app.example.com@evil.com",
    "https://app.example.com%00.evil.com",
    "https://app.example.com\t",
    "http://localhost",
    "http://localhost:3001",
    "http://127.0.0.1:3000",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnoq",
    "chrome-extension://ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop/page.html",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnopx",
    "moz-extension://abcdefghijklmnopabcdefghijklmnop",
    "file://",
]


def preflight(
    origin: str | None, *, origins: tuple[str, ...] = ALLOWED, path: str = "/notes"
) -> TestResponse:
    headers = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-google-id,"
        "x-request-id,x-evil",
    }
    return (
        small_app(origins=origins)
        .app.test_client()
        .options(path, headers=headers | ({"Origin": origin} if origin is not None else {}))
    )


def call(
    origin: str | None, *, origins: tuple[str, ...] = ALLOWED, path: str = "/misbehave"
) -> TestResponse:
    headers = {"Origin": origin} if origin is not None else {}
    return small_app(origins=origins).app.test_client().get(path, headers=headers)


def cors_headers(response: TestResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers if name.startswith("Access-Control")}


@pytest.mark.parametrize("origin", ALLOWED)
def test_a_page_of_an_allowed_origin_may_call(origin: str) -> None:
    preflighted = preflight(origin)
    assert preflighted.status_code == 200
    assert cors_headers(preflighted) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "DELETE, GET, POST, PUT",
        "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key, "
        "x-google-id, x-request-id",
        "Access-Control-Expose-Headers": "Idempotency-Replayed, Location, Retry-After, "
        "X-Request-Id, X-Should-Retry",
        "Access-Control-Max-Age": "3600",
    }
    assert cors_headers(call(origin)) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Idempotency-Replayed, Location, Retry-After, "
        "X-Request-Id, X-Should-Retry",
    }


@pytest.mark.parametrize("origin", STRANGERS)
def test_any_other_origin_gets_no_leave_at_all(origin: str) -> None:
    assert cors_headers(preflight(origin)) == {}
    response = call(origin)
    assert (response.status_code, cors_headers(response)) == (200, {})


def test_pages_of_an_allowed_origin_can_read_errors_too() -> None:
    for path in ("/nowhere", "/notes?theNote="):
        response = call(SITE, path=path)
        assert response.status_code >= 400
        assert response.headers["Access-Control-Allow-Origin"] == SITE


@pytest.mark.parametrize("origins", [(), (SITE,), ALLOWED])
@pytest.mark.parametrize("origin", [None, SITE, "https://evil.com"])
def test_every_response_varies_by_origin(origins: tuple[str, ...], origin: str | None) -> None:
    for response in (
        call(origin, origins=origins),
        preflight(origin, origins=origins),
        call(origin, origins=origins, path="/nowhere"),
    ):
        assert response.headers["Vary"] == "Origin"


def test_who_names_no_origin_gets_no_leave() -> None:
    assert cors_headers(call(None)) == {}


def test_without_configured_origins_no_one_gets_leave() -> None:
    for origin in (*ALLOWED, *STRANGERS):
        assert cors_headers(call(origin, origins=())) == {}


def test_a_wildcard_or_pattern_in_the_settings_is_taken_to_the_letter() -> None:
    for pattern in ("*", ".*", "https://.*", "https://*.example.com"):
        assert cors_headers(call("https://evil.com", origins=(pattern,))) == {}
        assert cors_headers(call("https://a.example.com", origins=(pattern,))) == {}


def test_cookies_are_never_let_in() -> None:
    for origin in ALLOWED:
        assert "Access-Control-Allow-Credentials" not in preflight(origin).headers


TRACING = (
    *("sentry-trace", "baggage", "traceparent", "tracestate", "b3", "X-B3-TraceId"),
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin", "newrelic"),
    *("x-datadog-sampling-priority", "X-Amzn-Trace-Id", "X-Requested-With", "Request-Id"),
    *("X-Stainless-Retry-Count", "X-Stainless-Lang", "X-Stainless-Runtime-Version", "User-Agent"),
)


@pytest.mark.parametrize("name", TRACING)
def test_what_libraries_add_to_every_request_is_allowed(name: str) -> None:
    response = (
        small_app(origins=ALLOWED)
        .app.test_client()
        .options(
            "/notes",
            headers={
                "Origin": SITE,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": f"authorization,{name.lower()}",
            },
        )
    )
    allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
    assert sorted(allowed) == sorted(["authorization", name.lower()])


def logged_preflight(origin: str, names: str, **options: tuple[str, ...]) -> list[object]:
    with capture_logs() as lines:
        small_app(**options).app.test_client().options(  # type: ignore[arg-type]
            "/notes",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": names,
            },
        )
    return [
        (line["event"], line.get("origin") or line.get("header"), line["allowed_by"])
        for line in lines
        if line["event"].startswith("cors_")
    ]


def test_more_headers_are_allowed_by_their_setting_and_a_refused_one_is_logged_with_it() -> None:
    assert logged_preflight(SITE, "authorization,x-mine", origins=ALLOWED) == [
        ("cors_header_refused", "x-mine", "CORS_ALLOWED_HEADERS")
    ]
    assert logged_preflight(SITE, "x-mine", origins=ALLOWED, headers=("X-Mine",)) == []


def test_a_refused_origin_is_logged_with_the_setting_that_allows_it() -> None:
    assert logged_preflight("https://evil.com", "authorization", origins=ALLOWED) == [
        ("cors_origin_refused", "https://evil.com", "CORS_ALLOWED_ORIGINS")
    ]
    assert logged_preflight(SITE, "authorization", origins=ALLOWED) == []


def test_a_refused_origin_is_logged_once_and_a_flood_of_them_briefly() -> None:
    small = small_app(origins=ALLOWED)
    client = small.app.test_client()
    with capture_logs() as lines:
        for _ in range(5):
            client.get("/misbehave", headers={"Origin": "https://evil.com"})
        for number in range(100):
            client.get("/misbehave", headers={"Origin": f"https://evil{number}.com" + "x" * 5_000})
    refused = [line for line in lines if line["event"] == "cors_origin_refused"]
    assert [line["origin"] for line in refused].count("https://evil.com") == 1
    assert 2 <= len(refused) <= 40
    assert max(len(line["origin"]) for line in refused) <= 200


def test_a_page_of_our_own_is_no_stranger() -> None:
    with capture_logs() as lines:
        small_app().app.test_client().get("/misbehave", headers={"Origin": "http://localhost"})
    assert [line for line in lines if line["event"].startswith("cors_")] == []
