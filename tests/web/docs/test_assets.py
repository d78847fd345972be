"""Static files: their addresses, encodings and the caching headers."""

import gzip

from flask import Flask, Response
from flask.testing import FlaskClient

from service.web.docs.assets import Asset

TEXT = b"let a = 1;" * 100
PLAIN = Asset("plain", "js", TEXT)
PACKED = Asset("packed", "js", gzip.compress(TEXT, mtime=0), gzipped=True)


def client_of(asset: Asset) -> FlaskClient:
    app = Flask("assets", static_folder=None)

    @app.get("/file")
    def file() -> Response:
        return asset.response()

    return app.test_client()


def test_the_name_changes_with_the_content() -> None:
    assert PLAIN.file_name.startswith("plain-")
    assert PLAIN.file_name.endswith(".js")
    assert Asset("plain", "js", TEXT + b" ").file_name != PLAIN.file_name


def test_a_packed_file_stays_packed_for_who_accepts_it() -> None:
    response = client_of(PACKED).get("/file", headers={"Accept-Encoding": "br, gzip"})
    assert response.data == PACKED.body
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.mimetype == "text/javascript"
    assert "Accept-Encoding" in response.headers["Vary"]


def test_a_packed_file_is_unpacked_for_who_does_not_accept_it() -> None:
    for accepted in ("identity", "br", "gzip;q=0"):
        response = client_of(PACKED).get("/file", headers={"Accept-Encoding": accepted})
        assert response.data == TEXT
        assert "Content-Encoding" not in response.headers
        assert "Accept-Encoding" in response.headers["Vary"]


def test_each_encoding_has_an_etag_of_its_own_and_is_sent_once() -> None:
    client = client_of(PACKED)
    tags = set()
    for accepted in ("gzip", "identity"):
        headers = {"Accept-Encoding": accepted}
        tag = client.get("/file", headers=headers).headers["ETag"]
        again = client.get("/file", headers=headers | {"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        tags.add(tag)
    assert len(tags) == 2


def test_a_plain_file_is_kept_for_a_year() -> None:
    response = client_of(PLAIN).get("/file", headers={"Accept-Encoding": "gzip"})
    assert response.data == TEXT
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
