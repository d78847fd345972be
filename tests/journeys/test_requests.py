"""Invalid routes, methods and bodies over HTTP: each error has the envelope, and nothing is
written."""

import base64
import json
from typing import Any

import pytest

from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import video_body

FIELDS = ("GoogleID", "Fingerprint", "imageUrl", "promptKey")
MEGABYTE = 1024 * 1024

pytestmark = pytest.mark.usefixtures("nothing_written")


def body(**fields: Any) -> dict[str, Any]:
    return video_body() | fields


def fields_of(api: ApiClient, content: Any) -> dict[str, Any]:
    """The faults of an invalid body."""
    response = api.post_fields(content)
    fields: dict[str, Any] = api.assert_refused(response, 400, "VALIDATION_FAILED")["fields"]
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
def test_an_unknown_address_is_not_found(api: ApiClient, path: str) -> None:
    for method in ("GET", "POST"):
        api.assert_refused(api.stack.call(method, path, api.token), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "BREW"])
def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    api: ApiClient, method: str
) -> None:
    taken: dict[str, set[str]] = {}
    for rule in api.stack.app.url_map.iter_rules():
        taken.setdefault(rule.rule, set()).update(rule.methods or ())
    tried = {
        rule: methods
        for rule, methods in taken.items()
        if method not in methods and not rule.startswith("/admin/")
    }
    assert tried
    for rule, methods in tried.items():
        response = api.stack.call(method, rule.replace("<", "").replace(">", ""), api.token)
        if rule.startswith("/v1/"):
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (405, "METHOD_NOT_ALLOWED")
            api.assert_common_headers(response)
        else:
            api.assert_refused(response, 405, "METHOD_NOT_ALLOWED")
        assert set(response.headers["Allow"].split(", ")) == methods


def test_a_method_is_not_changed_by_a_header(api: ApiClient) -> None:
    response = api.stack.call(
        "POST", "/credits", api.token, headers={"X-HTTP-Method-Override": "GET"}
    )
    api.assert_refused(response, 405, "METHOD_NOT_ALLOWED")


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
    api: ApiClient, headers: dict[str, str | None], data: bytes
) -> None:
    api.assert_refused(api.post(data, **headers), 415, "UNSUPPORTED_MEDIA_TYPE")


def with_field(text: str) -> bytes:
    """A valid body, except that imageUrl is that piece of JSON."""
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
def test_a_body_that_is_no_plain_json_object_is_refused(api: ApiClient, data: bytes) -> None:
    api.assert_refused(api.post(data), 400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    "wrong", [None, True, 0, 1, 1.5, 10**19, [], ["ann"], {}, {"sub": "ann"}], ids=repr
)
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_another_type_is_refused_by_its_name(
    api: ApiClient, name: str, wrong: object
) -> None:
    assert list(fields_of(api, body(**{name: wrong}))) == [name]


@pytest.mark.parametrize("number", ["1e999", "9" * 10_000, "110248495921238986420"])
def test_a_number_out_of_bounds_is_refused_by_the_name_of_its_field(
    api: ApiClient, number: str
) -> None:
    details = api.assert_refused(api.post(with_field(number)), 400, "VALIDATION_FAILED")
    assert [*details["fields"].values()] == [["Must be a string."]]


@pytest.mark.parametrize("text", ["", "a\x00b", "a\nb", "a\x1b[31m", "a\x7fb", "a\x85b"], ids=repr)
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_empty_or_holds_control_characters_is_refused_by_its_name(
    api: ApiClient, name: str, text: str
) -> None:
    if (name, text) == ("imageUrl", "a\nb"):
        # Base64 may be broken into lines.
        api.assert_refused(api.post_fields(body(imageUrl=text)), 400, "IMAGE_UNUSABLE")
        return
    assert list(fields_of(api, body(**{name: text}))) == [name]


@pytest.mark.parametrize(
    ("name", "max_length"), [("GoogleID", 255), ("Fingerprint", 512), ("promptKey", 64)]
)
def test_a_field_that_is_too_long_is_refused_by_its_name(
    api: ApiClient, name: str, max_length: int
) -> None:
    assert list(fields_of(api, body(**{name: "a" * (max_length + 1)}))) == [name]


def test_an_image_is_named_once(api: ApiClient) -> None:
    upload_id = "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
    faults = fields_of(api, body(uploadId=upload_id))
    assert faults == {"uploadId": ["Send either imageUrl or uploadId."]}
    content = body(uploadId="//images.example.com/a.jpg")
    del content["imageUrl"]
    assert list(fields_of(api, content)) == ["uploadId"]


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "GoogleID"])
def test_a_missing_field_is_refused_by_its_name(api: ApiClient, name: str) -> None:
    content = body()
    del content[name]
    assert list(fields_of(api, content)) == [name]


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
def test_an_unknown_field_is_refused_by_its_name(api: ApiClient, name: str, value: object) -> None:
    assert fields_of(api, body(**{name: value})) == {name: ["Is not known."]}


def test_the_faults_of_an_endless_body_are_a_short_response(api: ApiClient) -> None:
    many = body(**{f"{number}-{'x' * 1000}": 1 for number in range(2000)})
    response = api.post_fields(many)
    fields = api.assert_refused(response, 400, "VALIDATION_FAILED")["fields"]
    assert len(fields) <= 20
    assert len(response.content) < 5_000


# Large bodies.


def picture(size: int) -> str:
    """That many bytes that begin like a JPEG, in base64."""
    return base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(size - 4)).decode()


@pytest.mark.parametrize("size", [10 * MEGABYTE + 1, 10 * MEGABYTE + 100_000, 11 * MEGABYTE])
def test_an_image_over_10_mb_is_too_large(api: ApiClient, size: int) -> None:
    api.assert_refused(api.post_fields(body(imageUrl=picture(size))), 413, "IMAGE_TOO_LARGE")


def test_a_body_over_15_mb_is_too_large_with_and_without_its_length(api: ApiClient) -> None:
    data = json.dumps(body(imageUrl=picture(12 * MEGABYTE))).encode()
    pieces = (data[start : start + MEGABYTE] for start in range(0, len(data), MEGABYTE))
    for response in (api.post(data), api.post(pieces)):
        assert api.assert_refused(response, 413, "PAYLOAD_TOO_LARGE") == {"maxBytes": 15 * MEGABYTE}
    assert "Content-Length" not in response.request.headers


def test_a_callback_over_64_kb_is_too_large_with_and_without_its_length(api: ApiClient) -> None:
    data = b'{"task_status": "' + b"x" * 65_536 + b'"}'
    for sent in (data, iter([data])):
        response = api.stack.call("POST", "/callbacks/kling/x", data=sent)
        assert api.assert_refused(response, 413, "PAYLOAD_TOO_LARGE") == {"maxBytes": 65_536}


def test_a_body_announced_too_large_is_refused_before_it_comes(api: ApiClient) -> None:
    response = api.raw("Content-Length: 10737418240")
    assert (response.status, response.code) == (413, "PAYLOAD_TOO_LARGE")


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
def test_a_body_that_breaks_off_is_refused(api: ApiClient, headers: list[str], data: bytes) -> None:
    response = api.raw(*headers, data=data, end_input=True)
    assert (response.status, response.code) == (400, "BAD_REQUEST")


def test_a_callback_that_breaks_off_is_refused_as_documented(api: ApiClient) -> None:
    response = api.raw(
        "Content-Length: 9",
        data=b"{",
        request="POST /callbacks/kling/x HTTP/1.1",
        end_input=True,
    )
    assert (response.status, response.code) == (400, "BAD_REQUEST")
    assert "BAD_REQUEST" in api.codes("/callbacks/kling/<token>", "POST", 400)


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "+2"])
def test_a_length_that_is_none_never_makes_us_wait_or_fall(api: ApiClient, length: str) -> None:
    assert api.raw(f"Content-Length: {length}", data=b"{}").status in (400, 411)
