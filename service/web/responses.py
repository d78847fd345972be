"""Answers in the one shape that every route has (design, section 6)."""

import json
from collections.abc import Mapping

from flask import Response


def success(data: object, *, headers: Mapping[str, str] | None = None) -> Response:
    """200 with `{"success": true, "data": data}`. `data` must be JSON-ready; NaN and Infinity raise
    `ValueError`."""
    return json_answer({"success": True, "data": data}, headers=headers)


def json_answer(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The content itself as a JSON body, in ASCII, so that no text can break it."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Response(text + "\n", status, headers, mimetype="application/json")
