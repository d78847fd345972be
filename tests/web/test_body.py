import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.small_app import MAX_BYTES, small_app

JSON = "application/json"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def client() -> FlaskClient:
    return small_app().app.test_client()


def code_of(response: object) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]  # type: ignore[attr-defined]


def test_a_good_body_is_loaded(client: FlaskClient) -> None:
    response = client.post("/notes", json={"theNote": "hi"})
    assert (response.status_code, response.get_json()) == (
        200,
        {"success": True, "data": {"note": "hi", "more": None}},
    )


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json; charset=utf8",
        "application/json; charset=UTF_8",
        "application/json; charset=us-ascii",
        "application/json; charset=ASCII",
        "application/json; charset=U8",
    ],
)
def test_json_in_utf_8_is_read(client: FlaskClient, content_type: str) -> None:
    assert (
        client.post("/notes", data=b'{"theNote": "hi"}', content_type=content_type).status_code
        == 200
    )


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8-sig",
        "application/json; charset=utf-7",
        "application/json; charset=nonsense",
        "application/jsonp",
        "application/problem+json",
        "application/json, text/plain",
        "*/*",
    ],
)
def test_a_body_of_any_other_kind_is_refused(client: FlaskClient, content_type: str | None) -> None:
    response = client.post("/notes", data=b'{"theNote": "hi"}', content_type=content_type)
    assert code_of(response) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_compressed_body_is_refused(client: FlaskClient) -> None:
    response = client.post(
        "/notes", data=b"\x1f\x8b", content_type=JSON, headers={"Content-Encoding": "gzip"}
    )
    assert code_of(response) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"theNote": "a", "theNote": "b"}', b"\xff", b'{"theNote": NaN}']
)
def test_what_is_not_a_json_object_is_malformed(client: FlaskClient, raw: bytes) -> None:
    assert code_of(client.post("/notes", data=raw, content_type=JSON)) == (400, "MALFORMED_JSON")


def test_each_fault_has_the_name_of_the_field_on_the_wire(client: FlaskClient) -> None:
    response = client.post("/notes", json={"more": 1, "evil": True})
    assert code_of(response) == (400, "VALIDATION_FAILED")
    assert response.get_json()["details"] == {
        "fields": {
            "theNote": ["Is required."],
            "more": ["Must be a string."],
            "evil": ["Is not known."],
        }
    }


def test_a_flood_of_faults_is_not_repeated_in_full(client: FlaskClient) -> None:
    evil = {"theNote": "x", **{f"{number}{'n' * 70}": 1 for number in range(24)}}
    fields = client.post("/notes", json=evil).get_json()["details"]["fields"]
    assert len(fields) == 20
    assert max(map(len, fields)) == 64


@pytest.mark.parametrize("path", ["/notes", "/raw", "/peek"])
def test_a_body_may_be_as_large_as_the_endpoint_takes_and_no_larger(
    client: FlaskClient, path: str
) -> None:
    fits = b'{"theNote": "hi"}'.ljust(MAX_BYTES)
    assert client.post(path, data=fits, content_type=JSON).status_code == 200
    response = client.post(path, data=fits + b" ", content_type=JSON)
    assert code_of(response) == (413, "PAYLOAD_TOO_LARGE")
    assert response.get_json()["details"] == {"maxBytes": MAX_BYTES}


def test_a_peek_leaves_the_body_to_be_read(client: FlaskClient) -> None:
    text = '{"theNote": "hi"}'
    assert client.post("/peek", data=text, content_type=JSON).get_json()["data"] == ["hi", text]
    assert client.post("/peek", data='{"theNote": 1}', content_type=JSON).get_json()["data"] == [
        None,
        '{"theNote": 1}',
    ]
    assert client.post("/peek").get_json()["data"] == [None, ""]
    assert code_of(client.post("/peek", data="{", content_type=JSON)) == (400, "MALFORMED_JSON")


def test_a_query_is_loaded_by_its_schema(client: FlaskClient) -> None:
    assert client.get("/notes?theNote=h%C3%A9").get_json()["data"] == {"note": "hé", "more": None}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"theNote": ["Is required."]}),
        ("theNote=a&theNote=b", {"theNote": ["Is given more than once."]}),
        ("theNote=a&theNote=a&x=1&x=2", {"theNote": ["Is given more than once."]}),
        ("theNote=", {"theNote": ["Must have 1 to 10 characters."]}),
        ("theNote=a%0d%0ab", {"theNote": ["Must not contain control characters."]}),
        ("theNote[]=a", {"theNote": ["Is required."]}),
    ],
)
def test_a_wrong_query_is_refused(client: FlaskClient, query: str, fields: object) -> None:
    response = client.get(f"/notes?{query}")
    assert code_of(response) == (400, "VALIDATION_FAILED")
    assert response.get_json()["details"] == {"fields": fields}


@pytest.mark.parametrize("more", ["_=1700000000000", "utm_source=x&fbclid=y", "x=1&x=2", "%00=a"])
def test_parameters_that_no_one_knows_are_ignored(client: FlaskClient, more: str) -> None:
    assert client.get(f"/notes?theNote=hi&{more}").get_json()["data"]["note"] == "hi"
    assert client.get(f"/misbehave?{more}").status_code == 200


@pytest.mark.parametrize("number", ["110248495921238986420", "9" * 1500, "-1" + "0" * 30, "1e999"])
def test_a_number_in_place_of_a_text_is_refused_by_the_name_of_its_field(
    client: FlaskClient, number: str
) -> None:
    response = client.post("/notes", data=f'{{"theNote": {number}}}', content_type=JSON)
    assert code_of(response) == (400, "VALIDATION_FAILED")
    assert response.get_json()["details"] == {"fields": {"theNote": ["Must be a string."]}}


def test_a_number_out_of_bounds_that_no_field_refuses_is_malformed() -> None:
    app = small_app().app
    response = app.test_client().post("/anything", data=b'{"any": {"n": 1e999}}', content_type=JSON)
    assert code_of(response) == (400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    ("raw", "message", "details"),
    [
        (b'\xef\xbb\xbf{"theNote": "hi"}', "byte order mark (BOM)", {"line": 1, "column": 1}),
        ('{"theNote": "hi"}'.encode("utf-16"), "UTF-16", {"line": 1, "column": 1}),
        (b"", "empty", {"line": 1, "column": 1}),
        (b'{"theNote": "hi"', "not JSON", {"line": 1, "column": 17}),
        (b'{\n  "theNote": hi\n}', "not JSON", {"line": 2, "column": 14}),
        (b'{\n  "theNote": "caf\xe9"\n}', "not UTF-8", {"line": 2, "column": 18}),
    ],
)
def test_a_malformed_body_is_refused_with_the_place_where_it_breaks(
    client: FlaskClient, raw: bytes, message: str, details: object
) -> None:
    response = client.post("/notes", data=raw, content_type=JSON)
    assert code_of(response) == (400, "MALFORMED_JSON")
    assert message in response.get_json()["error"]
    assert response.get_json()["details"] == details


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The small app under gunicorn, whose way of reading bodies is the one that counts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        options = [
            "--bind",
            f"fd://{number}",
            "--worker-class",
            "gevent",
            "--no-control-socket",
        ]
        command = [sys.executable, "-m", "gunicorn", *options, "tests.web.small_app:serve()"]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[number])
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize(
    ("size", "status"), [(MAX_BYTES - 20, 200), (MAX_BYTES + 1, 413), (100_000, 413)]
)
@pytest.mark.parametrize("path", ["/notes", "/raw"])
def test_a_chunked_body_is_counted_while_it_is_read(
    port: int, path: str, size: int, status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    chunks = [b'{"theNote": "hi"}', *[b" " * 500] * (size // 500), b" " * (size % 500)]
    connection.request("POST", path, iter(chunks), {"Content-Type": JSON}, encode_chunked=True)
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    assert response.status == status
    assert content.get("code") == (None if status == 200 else "PAYLOAD_TOO_LARGE")


def test_an_announced_length_beyond_the_bound_is_refused_before_the_body_comes(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/notes")
    connection.putheader("Content-Type", JSON)
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "PAYLOAD_TOO_LARGE")
    connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 900\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n90\r\n{}",
    ],
    ids=["short", "no chunk", "half a chunk"],
)
def test_a_body_that_breaks_off_is_never_read_as_a_whole_one(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /raw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + sent)
        connection.shutdown(socket.SHUT_WR)
        head, _, content = b"".join(iter(lambda: connection.recv(65536), b"")).partition(
            b"\r\n\r\n"
        )
    assert b" 400 " in head
    assert json.loads(content)["code"] == "BAD_REQUEST"
