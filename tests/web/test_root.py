"""The address `/` and the icon."""

import xml.etree.ElementTree as ET

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.web.root import origins_of_start_page, root_blueprint

START_URL = "http://127.0.0.1:8090/"


def client(local_start_url: str = "") -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(root_blueprint(local_start_url))
    return app.test_client()


@pytest.mark.parametrize(("local_start_url", "location"), [("", "/docs"), (START_URL, START_URL)])
def test_the_root_leads_to_the_docs_or_to_the_local_start_page(
    local_start_url: str, location: str
) -> None:
    response = client(local_start_url).get("/")
    assert (response.status_code, response.headers["Location"]) == (302, location)
    assert response.data == b""


def test_the_root_is_an_address_for_reading_only() -> None:
    assert client().post("/").status_code == 405


def test_the_icon_is_an_image_that_caches_keep() -> None:
    response = client().get("/favicon.ico")
    assert response.content_type.startswith("image/svg+xml")
    assert response.headers["Cache-Control"] == "public, max-age=86400"
    assert ET.fromstring(response.data).tag == "{http://www.w3.org/2000/svg}svg"


def test_only_a_start_page_adds_an_origin() -> None:
    assert origins_of_start_page(START_URL) == ("http://127.0.0.1:8090",)
    assert origins_of_start_page("") == ()
