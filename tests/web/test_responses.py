import json

import pytest
from flask import Flask

from service.web.responses import json_response, success


def test_a_response_has_the_envelope() -> None:
    response = success({"a": [1, None]}, headers={"Location": "/jobs/1"})
    assert response.status_code == 200
    assert json.loads(response.get_data()) == {"success": True, "data": {"a": [1, None]}}
    assert response.content_type == "application/json"
    assert response.headers["Location"] == "/jobs/1"


def test_a_location_stays_the_path_it_is() -> None:
    app = Flask("x")
    app.add_url_rule("/", view_func=lambda: success(None, headers={"Location": "/jobs/1"}))
    assert app.test_client().get("/").headers["Location"] == "/jobs/1"


def test_any_text_can_be_in_a_response() -> None:
    text = "</script>\u2028\ud800🚀\x00"
    body = json_response({"a": text}, status=418).get_data()
    assert body.isascii()
    assert json.loads(body) == {"a": text}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_json_cannot_express_raises(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        success(value)
