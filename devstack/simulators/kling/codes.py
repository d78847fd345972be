"""Kling's error codes and responses (https://kling.ai/document-api/api/get-started/error-codes)."""

import uuid
from types import MappingProxyType

from werkzeug.wrappers import Response

from devstack.simulators.wire import json_response

OK_MESSAGE = "SUCCEED"

# code -> (HTTP status, message). The wording of 1303 is the vendor's own; programs compare codes.
CODES = MappingProxyType(
    {
        1000: (401, "Authentication failed"),
        1001: (401, "Authorization is empty"),
        1002: (401, "Authorization is invalid"),
        1003: (401, "Authorization is not yet valid"),
        1004: (401, "Authorization has expired"),
        1100: (429, "Account exception"),
        1101: (429, "Account in arrears"),
        1102: (429, "Resource pack depleted or expired"),
        1103: (403, "No permission for the requested resource"),
        1200: (400, "Invalid request parameters"),
        1201: (400, "Invalid parameter"),
        1202: (404, "The requested method is invalid"),
        1203: (404, "The requested resource does not exist"),
        1300: (400, "Platform policy triggered"),
        1301: (400, "Content security policy triggered"),
        1302: (429, "Request too fast"),
        1303: (429, "parallel task over resource pack limit"),
        1304: (429, "IP whitelist policy triggered"),
        5000: (500, "Internal error"),
        5001: (503, "Temporarily unavailable"),
        5002: (504, "Internal timeout"),
    }
)

_USUAL_CODE = MappingProxyType(
    {400: 1200, 401: 1000, 403: 1103, 404: 1203, 429: 1302, 500: 5000, 503: 5001, 504: 5002}
)


class KlingError(Exception):
    """Rejects the request with this code; `message` replaces the one in the table."""

    def __init__(self, code: int, message: str | None = None) -> None:
        super().__init__(message or CODES[code][1])
        self.code = code

    def response(self) -> Response:
        return _error(CODES[self.code][0], self.code, str(self))


def success(data: object) -> Response:
    """HTTP 200 with code 0 and the data."""
    return json_response(
        {"code": 0, "message": OK_MESSAGE, "request_id": _request_id(), "data": data}
    )


def error_response(status: int, code: str | None) -> Response:
    """An error with any HTTP status and vendor code. Without a code, the usual one for the
    status."""
    number = int(code) if code and code.isdigit() else _USUAL_CODE.get(status, status)
    return _error(status, number, CODES.get(number, (status, "Simulated error"))[1])


def _error(status: int, code: int, message: str) -> Response:
    return json_response({"code": code, "message": message, "request_id": _request_id()}, status)


def _request_id() -> str:
    return str(uuid.uuid4())
