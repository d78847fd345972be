"""The HTTP face over the wire: one shape for every refusal, and nothing of what is refused leaves a
trace in the table."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.core.clock import SystemClock
from service.web.endpoint import declared_endpoints
from tests.journeys.face import SAFE_HEADERS, Face, RawAnswer
from tests.stack.live_stack import separate_stack, video_body

PAGE = "https://app.example.com"
JOB = "/jobs/job_01kb7r3v6q8f2x0m4n5p6q7r8s"
FIELDS = ("GoogleID", "Fingerprint", "imageUrl", "promptKey")
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def face(client: Any) -> Iterator[Face]:
    with separate_stack(client, clock=SystemClock(), cors_allowed_origins=(PAGE,)) as stack:
        yield Face(stack)


@pytest.fixture(autouse=True)
def _nothing_written(face: Face) -> Iterator[None]:
    yield
    assert face.stack.items() == []
    assert face.stack.journal("create") == []


def body(**fields: Any) -> dict[str, Any]:
    return video_body() | fields


def fields_of(face: Face, content: Any) -> dict[str, Any]:
    """The faults of a body that fails its schema."""
    fields: dict[str, Any] = face.refused(face.post_fields(content), 400, "VALIDATION_FAILED")[
        "fields"
    ]
    return fields


# Addresses and methods.


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/nowhere",
            "/videos/",
            "/health//live",
            "/VIDEOS",
            "/jobs/",
            "/jobs/a/b",
            "/callbacks/kling/",
        ),
        *(
            "/.env",
            "/.git/config",
            "/static/x.js",
            "/docs/%2e%2e/credits",
            "/credits%2f",
            "/%00",
            "/%ff",
            "/%zz",
        ),
        *("/" + "a" * 8000, "/credits;x=1", "/health/live/", "/openapi.json/", "/console"),
    ],
    ids=lambda path: path[:30],
)
def test_an_unknown_address_is_not_found(face: Face, path: str) -> None:
    for method in ("GET", "POST"):
        face.refused(face.stack.call(method, path, face.token), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "BREW"])
def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    face: Face, method: str
) -> None:
    taken: dict[str, set[str]] = {}
    for rule in face.stack.app.url_map.iter_rules():
        taken.setdefault(rule.rule, set()).update(rule.methods or ())
    tried = {rule: methods for rule, methods in taken.items() if method not in methods}
    assert tried
    for rule, methods in tried.items():
        answer = face.stack.call(method, rule.replace("<", "").replace(">", ""), face.token)
        face.refused(answer, 405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["Allow"].split(", ")) == methods


def test_a_method_is_not_changed_by_a_header(face: Face) -> None:
    answer = face.stack.call(
        "POST", "/credits", face.token, headers={"X-HTTP-Method-Override": "GET"}
    )
    face.refused(answer, 405, "METHOD_NOT_ALLOWED")


# Bodies.


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({"Content_Type": None}, b"{}"),
        ({"Content_Type": ""}, b"{}"),
        ({"Content_Type": "text/plain"}, b"{}"),
        ({"Content_Type": "application/x-www-form-urlencoded"}, b"GoogleID=ann"),
        ({"Content_Type": "multipart/form-data; boundary=x"}, b"--x--"),
        ({"Content_Type": "application/json; charset=latin-1"}, b"{}"),
        ({"Content_Type": "application/json; charset=utf-16"}, "{}".encode("utf-16")),
        ({"Content_Type": "application/json, text/plain"}, b"{}"),
        ({"Content_Type": "application/xml"}, b"<a/>"),
        ({"Content_Encoding": "gzip"}, b"\x1f\x8b"),
        ({"Content_Encoding": "identity, br"}, b"{}"),
    ],
    ids=str,
)
def test_a_body_of_another_kind_is_refused(
    face: Face, headers: dict[str, str | None], data: bytes
) -> None:
    face.refused(face.post(data, **headers), 415, "UNSUPPORTED_MEDIA_TYPE")


def with_field(text: str) -> bytes:
    """A good body whose imageUrl is that piece of JSON."""
    return (
        json.dumps(body(imageUrl="HERE")).replace('"HERE"', text).encode("utf-8", "surrogatepass")
    )


NOT_JSON = {
    "empty": b"",
    "a space": b" ",
    "broken off": b'{"GoogleID": "ann"',
    "a list": b"[]",
    "text": b'"GoogleID"',
    "a number": b"1",
    "null": b"null",
    "two objects": b"{}{}",
    "a comment": b"{/* */}",
    "a comma too many": b'{"GoogleID": "ann",}',
    "single quotes": b"{'GoogleID': 'ann'}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"GoogleID": "\xff"}',
    "UTF-16": "{}".encode("utf-16"),
    "NaN": with_field("NaN"),
    "Infinity": with_field("-Infinity"),
    "a number that overflows": with_field("1e999"),
    "an endless number": with_field("9" * 10_000),
    "half a surrogate pair": with_field('"\\ud800"'),
    "half a surrogate pair, raw": with_field('"\ud800"'),
    "a raw line break": with_field('"a\nb"'),
    "a name twice": b'{"GoogleID": "bob", ' + json.dumps(body()).encode()[1:],
    "a name twice, deep": with_field('{"a": 1, "a": 2}'),
    "nested 33 deep": with_field("[" * 33 + "]" * 33),
    "nested without end": b"[" * 9_000,
    "nested objects without end": b'{"a":' * 9_000,
    "too many values": with_field("[" + "1," * 10_001 + "1]"),
}


@pytest.mark.parametrize("data", NOT_JSON.values(), ids=NOT_JSON)
def test_a_body_that_is_no_plain_json_object_is_refused(face: Face, data: bytes) -> None:
    face.refused(face.post(data), 400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    "wrong", [None, True, 0, 1, 1.5, 10**19, [], ["ann"], {}, {"sub": "ann"}], ids=repr
)
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_another_type_is_refused_by_its_name(
    face: Face, name: str, wrong: object
) -> None:
    assert list(fields_of(face, body(**{name: wrong}))) == [name]


@pytest.mark.parametrize("text", ["", "a\x00b", "a\nb", "a\x1b[31m", "a\x7fb", "a\x85b"], ids=repr)
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_empty_or_holds_control_characters_is_refused_by_its_name(
    face: Face, name: str, text: str
) -> None:
    assert list(fields_of(face, body(**{name: text}))) == [name]


@pytest.mark.parametrize(
    ("name", "longest"), [("GoogleID", 255), ("Fingerprint", 512), ("promptKey", 64)]
)
def test_a_field_that_is_too_long_is_refused_by_its_name(
    face: Face, name: str, longest: int
) -> None:
    assert list(fields_of(face, body(**{name: "a" * (longest + 1)}))) == [name]


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_refused_by_its_name(face: Face, name: str) -> None:
    content = body()
    del content[name]
    assert list(fields_of(face, content)) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "uid",
            "userId",
            "user_id",
            "sub",
            "credits",
            "held",
            "cost",
            "price",
            "price_id",
            "status",
            "role",
            "admin",
        ),
        *(
            "jobId",
            "job_id",
            "version",
            "ver",
            "lots",
            "kind",
            "amount",
            "videoUrl",
            "taskId",
            "due",
            "houseLoss",
        ),
        *(
            "prompt",
            "model_name",
            "mode",
            "duration",
            "callback_url",
            "external_task_id",
            "idempotencyKey",
        ),
        *("PK", "SK", "GSI1PK", "GSI2PK", "__proto__", "constructor", "__class__", ""),
        *("googleid", "GoogleId", "fingerprint", "image_url"),
    ],
)
@pytest.mark.parametrize("value", [1_000_000, "admin"])
def test_a_field_that_nobody_asked_for_is_refused_by_its_name(
    face: Face, name: str, value: object
) -> None:
    assert fields_of(face, body(**{name: value})) == {name: ["Is not known."]}


def test_the_faults_of_an_endless_body_are_told_in_few_words(face: Face) -> None:
    many = body(**{f"{number}-{'x' * 1000}": 1 for number in range(2000)})
    answer = face.post_fields(many)
    fields = face.refused(answer, 400, "VALIDATION_FAILED")["fields"]
    assert len(fields) <= 20
    assert len(answer.content) < 5_000


# Large bodies.


def picture(size: int) -> str:
    """A JPEG of that many bytes, as far as anyone can tell from its beginning, in base64."""
    return base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(size - 4)).decode()


@pytest.mark.parametrize("size", [10 * MEGABYTE + 1, 10 * MEGABYTE + 100_000, 11 * MEGABYTE])
def test_an_image_over_10_mb_is_too_large(face: Face, size: int) -> None:
    face.refused(face.post_fields(body(imageUrl=picture(size))), 413, "IMAGE_TOO_LARGE")


def test_a_body_over_15_mb_is_too_large_with_and_without_its_length(face: Face) -> None:
    data = json.dumps(body(imageUrl=picture(12 * MEGABYTE))).encode()
    pieces = (data[start : start + MEGABYTE] for start in range(0, len(data), MEGABYTE))
    for answer in (face.post(data), face.post(pieces)):
        assert face.refused(answer, 413, "PAYLOAD_TOO_LARGE") == {"maxBytes": 15 * MEGABYTE}
    assert "Content-Length" not in answer.request.headers


def test_a_callback_over_64_kb_is_too_large_with_and_without_its_length(face: Face) -> None:
    data = b'{"task_status": "' + b"x" * 65_536 + b'"}'
    for sent in (data, iter([data])):
        answer = face.stack.call("POST", "/callbacks/kling/x", data=sent)
        assert face.refused(answer, 413, "PAYLOAD_TOO_LARGE") == {"maxBytes": 65_536}


def raw(
    face: Face,
    *headers: str,
    data: bytes = b"",
    request: str = "POST /videos HTTP/1.1",
    no_more: bool = False,
) -> RawAnswer:
    head = [
        request,
        "Host: town",
        f"Authorization: Bearer {face.token}",
        "Content-Type: application/json",
        *headers,
    ]
    return RawAnswer(
        face.stack.raw("\r\n".join([*head, "", ""]).encode("latin-1") + data, no_more=no_more)
    )


def test_a_body_announced_too_large_is_refused_before_it_comes(face: Face) -> None:
    answer = raw(face, "Content-Length: 10737418240")
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        (["Content-Length: 1000"], b'{"GoogleID": "ann"'),
        (["Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"-5\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"ff\r\n{}"),
    ],
    ids=["broken off", "no size", "a negative size", "a chunk broken off"],
)
def test_a_body_that_breaks_off_is_refused(face: Face, headers: list[str], data: bytes) -> None:
    answer = raw(face, *headers, data=data, no_more=True)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


def test_a_callback_that_breaks_off_is_refused_as_documented(face: Face) -> None:
    answer = raw(
        face,
        "Content-Length: 9",
        data=b"{",
        request="POST /callbacks/kling/x HTTP/1.1",
        no_more=True,
    )
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert "BAD_REQUEST" in face.codes("/callbacks/kling/<token>", "POST", 400)


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "+2"])
def test_a_length_that_is_none_never_makes_us_wait_or_fall(face: Face, length: str) -> None:
    assert raw(face, f"Content-Length: {length}", data=b"{}").status in (400, 411)


# Images and prompts that cannot be.


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
def test_an_address_that_must_not_be_fetched_is_refused(face: Face, address: str) -> None:
    face.refused(face.post_fields(body(imageUrl=address)), 400, "IMAGE_URL_REFUSED")


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
def test_an_image_that_is_neither_address_nor_picture_is_refused(face: Face, image: str) -> None:
    face.refused(face.post_fields(body(imageUrl=image)), 400, "IMAGE_UNUSABLE")


@pytest.mark.parametrize(
    "key", ["nothing", "FOO_PROMPT", "foo_prompt ", "../foo_prompt", "__class__", "0"]
)
def test_a_prompt_that_nobody_wrote_is_refused(face: Face, key: str) -> None:
    face.refused(face.post_fields(body(promptKey=key)), 400, "UNKNOWN_PROMPT_KEY")


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
        (f"{JOB}?status=SUCCEEDED", "status"),
        ("/jobs?user=bob", "user"),
        ("/jobs?limit[]=1", "limit[]"),
        ("/jobs?Limit=1", "Limit"),
    ],
)
def test_a_query_that_is_out_of_bounds_repeated_or_unknown_is_refused_by_its_name(
    face: Face, path: str, name: str
) -> None:
    assert list(face.refused(face.get(path), 400, "VALIDATION_FAILED")["fields"]) == [name]


@pytest.mark.parametrize("token", ["a", "SU5JVA", "Sk9C", "!!!!", "VVNFUiNib2I", "_-_-", "////"])
def test_a_page_token_that_was_never_given_out_is_refused(face: Face, token: str) -> None:
    face.refused(
        face.stack.call("GET", "/jobs", face.token, params={"nextToken": token}),
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
def test_a_job_id_that_cannot_be_is_simply_not_found(face: Face, job_id: str) -> None:
    face.refused(face.get(f"/jobs/{job_id}"), 404, "JOB_NOT_FOUND")


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
    ],
    ids=lambda key: repr(key[:12]),
)
def test_an_idempotency_key_of_other_characters_or_too_many_is_refused(
    face: Face, key: bytes
) -> None:
    data = json.dumps(body()).encode()
    answer = raw(
        face, f"Content-Length: {len(data)}", f"Idempotency-Key: {key.decode('latin-1')}", data=data
    )
    assert (answer.status, answer.code) == (400, "IDEMPOTENCY_KEY_MALFORMED")


@pytest.mark.parametrize("given", ["abc", "A-1._z", "0" * 64])
def test_a_request_id_that_is_given_comes_back_on_every_kind_of_answer(
    face: Face, given: str
) -> None:
    headers = {"X-Request-Id": given}
    for method, path, token in (
        ("GET", "/health/live", None),
        ("GET", "/credits", face.token),
        ("GET", "/credits", None),
        ("GET", "/nowhere", None),
        ("PUT", "/credits", None),
        ("POST", "/videos", face.token),
        ("OPTIONS", "/videos", None),
    ):
        answer = face.stack.call(method, path, token, headers=headers)
        assert answer.headers["X-Request-Id"] == given
        assert answer.status_code < 400 or answer.json()["requestId"] == given


@pytest.mark.parametrize(
    "given", ["", "a b", "a\x01b", "a\x7f", "\xff", "<script>", "a" * 65, "a" * 60_000]
)
def test_any_other_request_id_is_replaced(face: Face, given: str) -> None:
    answer = raw(
        face, f"X-Request-Id: {given}", "Content-Length: 0", request="GET /nowhere HTTP/1.1"
    )
    made = json.loads(answer.body)["requestId"]
    assert (answer.status, made[:4], len(made)) == (404, "req_", 30)


def test_two_requests_have_two_ids(face: Face) -> None:
    assert len({face.get("/credits").headers["X-Request-Id"] for _ in range(5)}) == 5


def test_every_address_that_is_read_answers_with_the_safe_headers(face: Face) -> None:
    for rule, method, _ in declared_endpoints(face.stack.app):
        answer = face.stack.call(method, rule.replace("<", "").replace(">", ""), face.token)
        own = rule == "/openapi.json" or rule.startswith("/docs")
        kept = ("X-Content-Type-Options", "Referrer-Policy") if own else tuple(SAFE_HEADERS)
        assert {name: answer.headers[name] for name in kept} == {
            name: SAFE_HEADERS[name] for name in kept
        }
        if own:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'")
            # The reference component sets style attributes; nothing else may be unsafe.
            assert "unsafe" not in policy.replace("style-src-attr 'unsafe-inline'", "")
