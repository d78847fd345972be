"""Invalid images, prompts, queries and headers over HTTP: each error has the envelope, and nothing
is written."""

import json
from typing import Any

import pytest

from service.web.endpoint import declared_endpoints
from tests.doubles.pictures import in_base64, jpeg, png
from tests.journeys.api_client import SAFE_HEADERS, ApiClient
from tests.stack.live_stack import video_body

# Keys that are published, and change rarely.
CACHED = {"/.well-known/jwks.json": {"Cache-Control": "public, max-age=300"}}
JOB = "/jobs/job_01kb7r3v6q8f2x0m4n5p6q7r8s"

pytestmark = pytest.mark.usefixtures("nothing_written")


def body(**fields: Any) -> dict[str, Any]:
    return video_body() | fields


# Invalid images and prompts.


@pytest.mark.parametrize(
    "address",
    [
        *(
            "http://images.example.com/a.jpg",
            "ftp://images.example.com/a.jpg",
            "file:///etc/passwd",
            "//example.com/a",
        ),
        *(
            "https://127.0.0.1/a.jpg",
            "https://localhost/a.jpg",
            "https://[::1]/a.jpg",
            "https://0/a.jpg",
        ),
        *(
            "https://169.254.169.254/latest/meta-data/",
            "https://169.254.170.2/v2/credentials",
            "https://2852039166/",
        ),
        *(
            "https://0xa9fea9fe/",
            "https://0251.0376.0251.0376/",
            "https://[::ffff:169.254.169.254]/",
        ),
        *(
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:a9fe:a9fe::]/",
            "https://10.0.0.1/",
            "https://192.168.1.1/",
        ),
        *(
            "https://metadata.google.internal/",
            "https://router.local/",
            "https://images.example.com:8080/a.jpg",
        ),
        *(
            "https://ann:secret@images.example.com/a.jpg",
            "https://images.example.com@169.254.169.254/",
            "https:///a",
        ),
        *(
            "https://images.example.com\\@evil.example/a.jpg",
            "https://im\u0430ges.example.com/a.jpg",
            "https://%31/",
        ),
    ],
)
def test_an_address_that_must_not_be_fetched_is_refused(api: ApiClient, address: str) -> None:
    api.assert_refused(api.post_fields(body(imageUrl=address)), 400, "IMAGE_URL_REFUSED")


@pytest.mark.parametrize(
    "image",
    [
        *(
            "astronaut.jpg",
            "data:image/png;base64,iVBORw0KGgo=",
            "javascript:alert(1)",
            " ",
            "R0lGODlhAQABAAAAACw=",
        ),
        *("_9j_4AAQ", "/9j/4AAQSkZJRg", "\u00e9"),
    ],
)
def test_an_image_that_is_neither_address_nor_picture_is_refused(
    api: ApiClient, image: str
) -> None:
    api.assert_refused(api.post_fields(body(imageUrl=image)), 400, "IMAGE_UNUSABLE")


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (in_base64(png(100, 100)), "each side must have at least 300"),
        (in_base64(png(299, 299)), "each side must have at least 300"),
        (in_base64(jpeg(1200, 400)), "at most 2.5 times"),
        (in_base64(png()[:40]), "cut off"),
        (in_base64(jpeg()[:-2]), "cut off"),
        (f"data:image/png;base64,{in_base64(jpeg())}", "the image is a JPEG"),
        (f"data:image/webp;base64,{in_base64(png())}", "must begin with data:image/png"),
    ],
)
def test_a_picture_that_kling_would_reject_is_refused_with_what_is_wrong(
    api: ApiClient, image: str, sentence: str
) -> None:
    response = api.post_fields(body(imageUrl=image))
    api.assert_refused(response, 400, "IMAGE_UNUSABLE")
    assert sentence in response.json()["error"]


def test_an_address_over_8_kb_is_refused_by_its_bound(api: ApiClient) -> None:
    response = api.post_fields(body(imageUrl="https://images.example.com/" + "a" * 8166))
    api.assert_refused(response, 400, "IMAGE_URL_REFUSED")
    assert "8,192" in response.json()["error"]


@pytest.mark.parametrize(
    "key", ["nothing", "FOO_PROMPT", "foo_prompt ", "../foo_prompt", "__class__", "0"]
)
def test_a_prompt_that_no_one_wrote_is_refused(api: ApiClient, key: str) -> None:
    api.assert_refused(api.post_fields(body(promptKey=key)), 400, "UNKNOWN_PROMPT_KEY")


# Queries.


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(
            (f"{JOB}?wait={wait}", "wait")
            for wait in ("26", "-1", "abc", "", "1.5", "1e1", "null", "99999999999999999999")
        ),
        *((f"{JOB}?wait={wait}", "wait") for wait in ("1_0", "%D9%A3", "%201", "0x1")),
        *(
            (f"/jobs?limit={limit}", "limit")
            for limit in ("0", "-1", "51", "abc", "", "2.0", "true", "[]")
        ),
        ("/jobs?nextToken=", "nextToken"),
        (f"/jobs?nextToken={'a' * 201}", "nextToken"),
        ("/jobs?nextToken=%00", "nextToken"),
        ("/jobs?limit=1&limit=1", "limit"),
        (f"{JOB}?wait=0&wait=25", "wait"),
        ("/jobs?nextToken=a&nextToken=b", "nextToken"),
    ],
)
def test_a_query_that_is_out_of_bounds_or_repeated_is_refused_by_its_name(
    api: ApiClient, path: str, name: str
) -> None:
    assert list(api.assert_refused(api.get(path), 400, "VALIDATION_FAILED")["fields"]) == [name]


@pytest.mark.parametrize(
    "query", ["_=1700000000000", "user=bob", "limit[]=0", "Limit=0", "status=FAILED&status=OPEN"]
)
def test_parameters_that_no_one_knows_are_ignored_on_every_route(
    api: ApiClient, query: str
) -> None:
    for rule, method, _ in declared_endpoints(api.stack.app):
        if method == "GET":
            path = rule.replace("<job_id>", "job_01kb7r3v6q8f2x0m4n5p6q7r8s").replace("<", "")
            path = path.replace(">", "")
            assert api.get(f"{path}?{query}").status_code == api.get(path).status_code, path


@pytest.mark.parametrize("token", ["a", "SU5JVA", "Sk9C", "!!!!", "VVNFUiNib2I", "_-_-", "////"])
def test_a_page_token_that_was_never_given_out_is_refused(api: ApiClient, token: str) -> None:
    api.assert_refused(
        api.stack.call("GET", "/jobs", api.token, params={"nextToken": token}),
        400,
        "PAGE_TOKEN_INVALID",
    )


@pytest.mark.parametrize(
    "job_id",
    [
        "x",
        "job_",
        "JOB_01KB7R3V6Q8F2X0M4N5P6Q7R8S",
        "job_01kb7r3v6q8f2x0m4n5p6q7r8s%0a",
        "%23",
        "job_%ff",
    ],
)
def test_a_job_id_that_cannot_be_is_simply_not_found(api: ApiClient, job_id: str) -> None:
    api.assert_refused(api.get(f"/jobs/{job_id}"), 404, "JOB_NOT_FOUND")


def test_a_google_id_as_a_number_is_refused_by_its_name(api: ApiClient) -> None:
    text = json.dumps(body()).replace('"GoogleID": "ann"', '"GoogleID": 110248495921238986420')
    details = api.assert_refused(api.post(text.encode()), 400, "VALIDATION_FAILED")
    assert details == {"fields": {"GoogleID": ["Must be a string."]}}


# Fingerprints.


@pytest.mark.parametrize(
    "fingerprint",
    [
        *("n/a", "undefined", "null", "unknown", "0", "NaN", "   ", "\u00a0", "[object Object]"),
        *("00000000-0000-0000-0000-000000000000", "fp-undefined", "device", "xxxxxxxx", "{}", "a"),
    ],
)
def test_a_fingerprint_that_everybody_could_send_is_refused(
    api: ApiClient, fingerprint: str
) -> None:
    response = api.post_fields(body(Fingerprint=fingerprint))
    (fault,) = api.assert_refused(response, 400, "VALIDATION_FAILED")["fields"]["Fingerprint"]
    assert fault.startswith("Must identify the device")


# Headers.


@pytest.mark.parametrize(
    "key",
    [
        *(
            b"a\x00b",
            b"a\x01b",
            b"a\tb",
            b"a\x1fb",
            b"a\x7fb",
            b"a\x80b",
            b"caf\xc3\xa9",
            b"a b",
            b"",
        ),
        *(b"a" * 129, b"a" * 10_000, b"a" * 60_000),
        *(b"undefined", b"null", b"NaN", b"None", b"[object%20Object]"[:7] + b"Object]"),
    ],
    ids=lambda key: repr(key[:12]),
)
def test_an_idempotency_key_of_other_characters_or_too_many_is_refused(
    api: ApiClient, key: bytes
) -> None:
    data = json.dumps(body()).encode()
    response = api.raw(
        f"Content-Length: {len(data)}", f"Idempotency-Key: {key.decode('latin-1')}", data=data
    )
    assert (response.status, response.code) == (400, "IDEMPOTENCY_KEY_MALFORMED")


@pytest.mark.parametrize("given", ["abc", "A-1._z", "0" * 64])
def test_the_clients_request_id_is_in_every_kind_of_response(api: ApiClient, given: str) -> None:
    headers = {"X-Request-Id": given}
    for method, path, token in (
        ("GET", "/health/live", None),
        ("GET", "/credits", api.token),
        ("GET", "/credits", None),
        ("GET", "/nowhere", None),
        ("PUT", "/credits", None),
        ("POST", "/videos", api.token),
        ("OPTIONS", "/videos", None),
    ):
        response = api.stack.call(method, path, token, headers=headers)
        assert response.headers["X-Request-Id"] == given
        assert response.status_code < 400 or response.json()["requestId"] == given


@pytest.mark.parametrize(
    "given",
    [
        "undefined",
        "null",
        "NaN",
        "",
        "a b",
        "a\x01b",
        "a\x7f",
        "\xff",
        "<script>",
        "a" * 65,
        "a" * 60_000,
    ],
)
def test_any_other_request_id_is_replaced(api: ApiClient, given: str) -> None:
    response = api.raw(
        f"X-Request-Id: {given}", "Content-Length: 0", request="GET /nowhere HTTP/1.1"
    )
    made = json.loads(response.body)["requestId"]
    assert (response.status, made[:4], len(made)) == (404, "req_", 30)


def test_two_requests_have_two_ids(api: ApiClient) -> None:
    assert len({api.get("/credits").headers["X-Request-Id"] for _ in range(5)}) == 5


def test_the_response_of_every_route_has_the_security_headers(api: ApiClient) -> None:
    for rule, method, _ in declared_endpoints(api.stack.app):
        path = rule.replace("<", "").replace(">", "")
        # With a token this one opens a session.
        token = None if rule == "/auth/session" else api.token
        response = api.stack.call(method, path, token, allow_redirects=False)
        own = rule in ("/openapi.json", "/favicon.ico") or rule.startswith("/docs")
        kept = ("X-Content-Type-Options", "Referrer-Policy") if own else tuple(SAFE_HEADERS)
        expected = {name: SAFE_HEADERS[name] for name in kept} | CACHED.get(rule, {})
        assert {name: response.headers[name] for name in kept} == expected
        if own:
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'")
            # The reference component sets style attributes; nothing else may be unsafe.
            assert "unsafe" not in policy.replace("style-src-attr 'unsafe-inline'", "")
