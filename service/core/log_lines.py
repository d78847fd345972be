"""A log event as one short line for a developer's terminal. Pure.

A request's line begins with its status, any other line with its level; `width` bounds the line. The
text of an exception follows on lines of its own."""

import json
from collections.abc import Mapping

WIDTH = 100
_ESCAPE = "\x1b["
_RED, _YELLOW, _GREEN, _DIM = "31", "33", "32", "2"
_LEVEL_COLOURS = {"critical": _RED, "error": _RED, "warning": _YELLOW, "debug": _DIM}
# Requests that no person makes.
_BACKGROUND_ROUTES = ("/health", "/callbacks")
_IN_FRONT = ("timestamp", "level", "event", "exception", "logger")
_OF_A_REQUEST = ("method", "route", "status", "milliseconds", "code", "job_id", "request_id")


def readable(event: Mapping[str, object], *, colours: bool, width: int = WIDTH) -> str:
    """The line without its end."""
    line, colour = _request(event) if event.get("event") == "request" else _other(event)
    shown = _painted(_cut(line, width), colour if colours else "")
    trace = str(event.get("exception", ""))
    return f"{shown}\n{trace}" if trace else shown


def _request(event: Mapping[str, object]) -> tuple[str, str]:
    status, route = str(event.get("status", "")), str(event.get("route", ""))
    milliseconds = event.get("milliseconds", 0)
    took = f"{milliseconds:.0f} ms" if isinstance(milliseconds, int | float) else ""
    words = [
        status,
        _time(event),
        str(event.get("method", "")),
        route,
        took,
        str(event.get("code", "")),
        str(event.get("job_id") or event.get("request_id", "")),
        _named(event, (*_IN_FRONT, *_OF_A_REQUEST)),
    ]
    return " ".join(word for word in words if word), _request_colour(status, route)


def _request_colour(status: str, route: str) -> str:
    if status < "400" and route.startswith(_BACKGROUND_ROUTES):
        return _DIM
    return {"4": _YELLOW, "5": _RED}.get(status[:1], _GREEN)


def _other(event: Mapping[str, object]) -> tuple[str, str]:
    level = str(event.get("level", "info"))
    words = [level.upper(), _time(event), str(event.get("event", "")), _named(event, _IN_FRONT)]
    return " ".join(word for word in words if word), _LEVEL_COLOURS.get(level, "")


def _time(event: Mapping[str, object]) -> str:
    """The time of day of an ISO 8601 timestamp."""
    return str(event.get("timestamp", "")).partition("T")[2][:8]


def _named(event: Mapping[str, object], shown: tuple[str, ...]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in event.items() if name not in shown)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _painted(line: str, colour: str) -> str:
    return f"{_ESCAPE}{colour}m{line}{_ESCAPE}0m" if colour else line
