"""Reading what a request brings: its body, its query string."""

from typing import Any

from flask import current_app, request
from marshmallow import Schema, ValidationError

from service.core.errors import FareboxError
from service.web.endpoint import SMALL_BODY_BYTES, endpoint_of
from service.web.request_errors import (
    BadRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)
from service.web.strict_json import parse_object

MAX_FAULTS = 20
MAX_NAME = 64


def read_body(schema: Schema) -> dict[str, Any]:
    """The request's JSON object as the schema loads it.

    Raises `UnsupportedMediaType`, `PayloadTooLarge` (beyond the endpoint's `max_body_bytes`,
    whether or not the length is announced), `BadRequest` (it breaks off), `BodyTimeout` or
    `UploadsBusy` (it comes too slowly, see `arrivals`), `MalformedJson` (see `parse_object`) or
    `ValidationFailed`."""
    _require_json()
    return _load(schema, parse_object(read_raw()))


def read_raw() -> bytes:
    """The request's body as it came. Raises `PayloadTooLarge` beyond the endpoint's
    `max_body_bytes`, `BadRequest` if it breaks off, `BodyTimeout` or `UploadsBusy` if it comes too
    slowly."""
    return _bounded(keep=False)


def peek_json_field(name: str) -> str | None:
    """The text in one field of the JSON body, None if there is no body or no such text. The body
    can be read again. Raises what `read_body` raises but `ValidationFailed`."""
    raw = _bounded(keep=True)
    if not raw:
        return None
    _require_json()
    value = parse_object(raw).get(name)
    return value if isinstance(value, str) else None


def read_query(schema: Schema) -> dict[str, Any]:
    """The query string as the schema loads it. Raises `ValidationFailed`, also for a parameter
    given twice."""
    given = request.args.to_dict(flat=False)
    twice = {
        name: ["Is given more than once."] for name, values in given.items() if len(values) > 1
    }
    if twice:
        raise _validation_failed(twice)
    return _load(schema, {name: values[0] for name, values in given.items()})


def _require_json() -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if request.mimetype != "application/json" or charset != "utf-8" or encoding != "identity":
        raise UnsupportedMediaType


def _bounded(*, keep: bool) -> bytes:
    declared = endpoint_of(current_app, request.endpoint)
    most = declared.max_body_bytes if declared else SMALL_BODY_BYTES
    announced = request.content_length or 0
    # One byte more than allowed is asked for: werkzeug ends a body without announced length at the
    # bound, and says nothing.
    raw = b"" if announced > most else _received(most + 1, keep)
    if max(announced, len(raw)) > most:
        raise PayloadTooLarge(details={"maxBytes": most})
    if len(raw) < announced:
        raise BadRequest("The body broke off.")
    return raw


def _received(most: int, keep: bool) -> bytes:
    request.max_content_length = most
    try:
        return request.get_data(cache=keep)
    except FareboxError:
        raise
    except Exception:
        # Each server has errors of its own for bodies that break off or are wrongly chunked.
        raise BadRequest("The body could not be read.") from None


def _load(schema: Schema, content: dict[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(content)
    except ValidationError as error:
        raise _validation_failed(error.messages_dict) from None
    return loaded


def _validation_failed(faults: dict[str, Any]) -> ValidationFailed:
    shown = {str(name)[:MAX_NAME]: faults[name] for name in list(faults)[:MAX_FAULTS]}
    return ValidationFailed(details={"fields": shown})
