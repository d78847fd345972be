"""A request as the simulated vendors see it, and the ways their answers can go wrong."""

import json
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response as FlaskResponse
from flask import request
from werkzeug.wrappers import Response

Refuse = Callable[[int, str | None], Response]

# Linger on, for no time: closing then resets the connection instead of finishing it (socket(7)).
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Call:
    """One request, free of Flask, so that it can also be acted on after it was answered."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Endpoint:
    """One operation of one service. `refuse(status, code)` is that vendor's own error answer; code
    None: its usual one."""

    service: str
    operation: str
    refuse: Refuse


class Hangup(FlaskResponse):
    """Answers nothing: the connection is reset."""

    def __call__(self, environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        del start_response
        connection = environ.get("werkzeug.socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        raise ConnectionResetError("a simulated loss of connection")


def current_call() -> Call:
    """The request that Flask is serving in this thread."""
    path = request.full_path if request.query_string else request.path
    return Call(
        request.method, path, request.args.to_dict(), dict(request.headers), request.get_data()
    )


def json_answer(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The content as a JSON body."""
    return Response(json.dumps(content), status, headers, content_type="application/json")
