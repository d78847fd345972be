"""Reads and validates the body and the query string of a request."""

from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Any

from flask import current_app, g, request
from marshmallow import Schema, ValidationError

from service.core.errors import FareboxError
from service.web.endpoint import SMALL_BODY_BYTES, endpoint_of
from service.web.request_errors import (
    BadRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)
from service.web.strict_json import parse

MAX_FAULTS = 20
MAX_NAME = 64

# Every name that Python knows for UTF-8, and for ASCII, its subset. From the table, not from
# `codecs.lookup`, which remembers every unknown name that it is given.
_UTF_8 = frozenset({"utf_8", "ascii", *(a for a, n in aliases.items() if n in ("utf_8", "ascii"))})


def read_body(schema: Schema) -> dict[str, Any]:
    """Returns the request's JSON object, loaded by the schema.

    Raises `UnsupportedMediaType`, `PayloadTooLarge` (larger than the endpoint's `max_body_bytes`,
    with or without a Content-Length), `BadRequest` (incomplete), `BodyTimeout` or `UploadsBusy`
    (see `receiving`), `MalformedJson` (see `parse`) or `ValidationFailed`."""
    _require_json()
    parsed = parse(read_raw())
    loaded = _load(schema, parsed.content)
    if parsed.fault:
        raise parsed.fault
    return loaded


def read_body_if_any(schema: Schema) -> dict[str, Any]:
    """As `read_body`; a request without a body is one with an empty object."""
    return read_body(schema) if _bounded(keep=True) else _load(schema, {})


def read_raw() -> bytes:
    """Returns the request's body unchanged. Raises `PayloadTooLarge` if it is larger than the
    endpoint's `max_body_bytes`, `BadRequest` if it is incomplete, `BodyTimeout` or `UploadsBusy` if
    it is received too slowly."""
    return _bounded(keep=False)


def peek_raw() -> bytes:
    """As `read_raw`; the body can be read again afterwards."""
    return _bounded(keep=True)


def peek_json_field(name: str) -> str | None:
    """Returns the text in one field of the JSON body, None if there is none. The body can be read
    again afterwards. Raises what `read_body` raises except `ValidationFailed`."""
    raw = _bounded(keep=True)
    if not raw:
        return None
    _require_json()
    value = parse(raw).content.get(name)
    return value if isinstance(value, str) else None


def read_query(schema: Schema) -> dict[str, Any]:
    """Returns the query string, loaded by the schema. Parameters that the schema does not know are
    ignored on every route: caches, analytics and HTTP clients append their own. Raises
    `ValidationFailed`, also for a repeated parameter."""
    known = {each.data_key or name for name, each in schema.load_fields.items()}
    given = request.args.to_dict(flat=False)
    parameters = {name: values for name, values in given.items() if name in known}
    repeated = {
        name: ["Is given more than once."] for name, values in parameters.items() if len(values) > 1
    }
    if repeated:
        raise _validation_failed(repeated)
    return _load(schema, {name: values[0] for name, values in parameters.items()})


def _require_json() -> None:
    charset = request.mimetype_params.get("charset", "utf-8")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if request.mimetype != "application/json" or encoding != "identity":
        raise UnsupportedMediaType
    if normalize_encoding(charset.lower()) not in _UTF_8:
        raise UnsupportedMediaType


def _bounded(*, keep: bool) -> bytes:
    declared = endpoint_of(current_app, request.endpoint)
    max_bytes = declared.max_body_bytes if declared else SMALL_BODY_BYTES
    announced = request.content_length or 0
    # One byte more than allowed: werkzeug silently truncates a chunked body at the limit.
    raw = b"" if announced > max_bytes else _received(max_bytes + 1, keep)
    if max(announced, len(raw)) > max_bytes:
        raise PayloadTooLarge(details={"maxBytes": max_bytes})
    if len(raw) < announced:
        raise BadRequest("The body is incomplete.")
    return raw


def _received(max_bytes: int, keep: bool) -> bytes:
    if request.content_length is None or request.content_length > SMALL_BODY_BYTES:
        _reserve(request.content_length or 0)
    request.max_content_length = max_bytes
    try:
        return request.get_data(cache=keep)
    except FareboxError:
        raise
    except Exception:
        # Each WSGI server raises its own errors for an incomplete or wrongly chunked body.
        raise BadRequest("The body could not be read.") from None


def _reserve(count: int) -> None:
    """Takes memory for a large body before it is received, in the name of the caller. Servers other
    than ours (`receiving`) have none to reserve."""
    reserve = getattr(request.environ.get("gunicorn.socket"), "reserve_body", None)
    if reserve is not None:
        principal = g.get("principal")
        reserve(count, principal.subject if principal else None)


def _load(schema: Schema, content: dict[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(content)
    except ValidationError as error:
        raise _validation_failed(error.messages_dict) from None
    return loaded


def _validation_failed(faults: dict[str, Any]) -> ValidationFailed:
    shown = {str(name)[:MAX_NAME]: faults[name] for name in list(faults)[:MAX_FAULTS]}
    return ValidationFailed(details={"fields": shown})
