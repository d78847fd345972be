"""Twitch's errors: `{"error", "status", "message"}`."""

from collections.abc import Mapping
from http import HTTPStatus

from werkzeug.wrappers import Response

from devstack.simulators.wire import json_response

_USUAL = {
    400: "Bad request",
    401: "Invalid OAuth token",
    403: "Forbidden",
    404: "not found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class TwitchError(Exception):
    """A request that Twitch refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def error_response(
    status: int, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Twitch's error of that status; `code` is its message, if it is to be another one."""
    message = code or _USUAL.get(status, "Simulated error")
    return json_response(_body(status, message), status, headers)


def response_of(error: TwitchError, headers: Mapping[str, str] | None = None) -> Response:
    return json_response(_body(error.status, str(error)), error.status, headers)


def _body(status: int, message: str) -> dict[str, object]:
    return {"error": HTTPStatus(status).phrase, "status": status, "message": message}
