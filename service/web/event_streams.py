"""Responses that go on while there is something to say (HTML Living Standard, 9.2, "Server-sent
events")."""

import json
from collections.abc import Iterator, Mapping

from flask import Response

MIMETYPE = "text/event-stream"
KEEP_ALIVE = ": keep-alive\n\n"
# Balancers cut what is silent for a minute, and only a write finds out that a client has gone.
KEEP_ALIVE_SECONDS = 15.0


def event(name: str, data: object) -> str:
    """One event. Its data is one line: JSON escapes every line break."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'), allow_nan=False)}\n\n"


def event_stream(events: Iterator[str], headers: Mapping[str, str]) -> Response:
    """Returns 200 with those events, each sent at once: no proxy is to keep or collect them."""
    response = Response(events, mimetype=MIMETYPE, headers=dict(headers))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
