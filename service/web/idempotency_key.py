"""The `Idempotency-Key` header of requests that may be repeated."""

from flask import request

from service.core.errors import InvalidRequest
from service.core.placeholders import is_placeholder

IDEMPOTENCY_HEADER = "Idempotency-Key"
MAX_KEY = 128


class IdempotencyKeyMalformed(InvalidRequest):
    code = "IDEMPOTENCY_KEY_MALFORMED"
    summary = (
        "Idempotency-Key must be 1 to 128 visible ASCII characters, and not the word of a missing "
        "value such as undefined or null."
    )


class IdempotencyKeyRequired(InvalidRequest):
    code = "IDEMPOTENCY_KEY_REQUIRED"
    summary = "Send an Idempotency-Key: a repeated request must not do the same thing twice."
    advice = "Send a fresh UUID for each thing that is to be done, and the same one to repeat it."


def require_idempotency_key() -> str:
    """The request's key. Raises `IdempotencyKeyRequired` or `IdempotencyKeyMalformed`."""
    key = read_idempotency_key()
    if key is None:
        raise IdempotencyKeyRequired
    return key


def read_idempotency_key() -> str | None:
    """The request's key, None without one. Raises `IdempotencyKeyMalformed`."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY or not all("!" <= character <= "~" for character in key):
        raise IdempotencyKeyMalformed
    if any(character.isalnum() for character in key) and is_placeholder(key):
        # Every request of that client would stand for one and the same.
        raise IdempotencyKeyMalformed
    return key
