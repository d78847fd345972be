"""Requests to the simulated vendors, and their responses."""

import json
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response as FlaskResponse
from flask import request
from werkzeug.wrappers import Response

ErrorResponse = Callable[[int, str | None], Response]

# Linger on, for no time: closing then resets the connection instead of finishing it (socket(7)).
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Call:
    """One request, without Flask's context, so that `late` can act on it after the response."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Endpoint:
    """One operation of one service. `error_response(status, code)` builds the vendor's own
    error; without a code, the usual one for the status."""

    service: str
    operation: str
    error_response: ErrorResponse


class Hangup(FlaskResponse):
    """No response: the connection is reset."""

    def __call__(self, environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        del start_response
        connection = environ.get("werkzeug.socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        raise ConnectionResetError("a simulated loss of connection")


class Cut(ConnectionError):
    """The vendor drops the connection, which the server does with it. Not by a reset, as `Hangup`:
    that would take back what was sent and not read yet."""


def current_call() -> Call:
    """The request that Flask is serving in this thread."""
    path = request.full_path if request.query_string else request.path
    return Call(
        request.method, path, request.args.to_dict(), dict(request.headers), request.get_data()
    )


def json_response(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A response with the content as JSON."""
    return Response(json.dumps(content), status, headers, content_type="application/json")
