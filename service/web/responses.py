"""JSON responses, in the one envelope of all routes."""

import json
from collections.abc import Mapping

from flask import Response


def success(data: object, *, headers: Mapping[str, str] | None = None) -> Response:
    """Returns 200 with `{"success": true, "data": data}`. Raises `ValueError` for NaN and Infinity,
    `TypeError` for what JSON cannot express."""
    return json_response({"success": True, "data": data}, headers=headers)


def json_response(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns the content as a JSON body in ASCII, which no lone surrogate can make unencodable."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Response(text + "\n", status, headers, mimetype="application/json")
