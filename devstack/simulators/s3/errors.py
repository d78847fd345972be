"""S3's own errors (Amazon S3 API Reference, "List of error codes")."""

import uuid
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

_USUAL_CODES = {403: "AccessDenied", 404: "NoSuchKey", 503: "SlowDown"}


class S3Error(Exception):
    """A refusal; `code` is S3's word for it."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message or code


def request_id() -> dict[str, str]:
    return {"x-amz-request-id": uuid.uuid4().hex[:16].upper()}


def xml_response(body: str, status: int = 200) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return Response(text, status, request_id(), content_type="application/xml")


def refusal(error: S3Error) -> Response:
    code, message = escape(error.code), escape(error.message)
    return xml_response(
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", error.status
    )


def error_response(status: int, code: str | None) -> Response:
    return refusal(S3Error(status, code or _USUAL_CODES.get(status, "InternalError")))
