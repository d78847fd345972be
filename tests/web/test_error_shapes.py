"""Errors in another shape than the envelope."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.core.errors import FareboxError, NotFound
from service.core.metrics import NoMetrics
from service.web.error_shapes import shape_at
from service.web.errors import register_errors
from tests.web.small_app import small_app


class Terse:
    prefix = "/terse/"
    name = "Terse"
    schema: Mapping[str, Any] = {"type": "object"}

    def status(self, kind: type[FareboxError], usual: int) -> int:
        return 410 if issubclass(kind, NotFound) else usual

    def body(self, error: FareboxError, status: int) -> Mapping[str, object]:
        return {"terse": error.code, "status": status}

    def headers(self, error: FareboxError) -> Mapping[str, str]:
        return {"x-terse": error.code}


@pytest.mark.parametrize(
    ("path", "is_shaped"),
    [
        ("/terse", True),
        ("/terse/", True),
        ("/terse/a/b", True),
        ("/terser", False),
        ("/a/terse/", False),
        ("/", False),
    ],
)
def test_a_shape_is_for_its_prefix_alone(path: str, is_shaped: bool) -> None:
    shape = Terse()
    assert shape_at((shape,), path) is (shape if is_shaped else None)
    app = small_app().app
    register_errors(app, NoMetrics(), (shape,))
    response = app.test_client().get(path)
    content = response.get_json()
    if is_shaped:
        assert (response.status_code, content) == (410, {"terse": "ROUTE_NOT_FOUND", "status": 410})
        assert response.headers["x-terse"] == "ROUTE_NOT_FOUND"
    else:
        assert (response.status_code, content["success"]) == (404, False)
        assert "x-terse" not in response.headers
