"""The `Idempotency-Key` header of requests that may be repeated."""

from flask import request

from service.core.errors import InvalidRequest

IDEMPOTENCY_HEADER = "Idempotency-Key"
MAX_KEY = 128


class IdempotencyKeyMalformed(InvalidRequest):
    code = "IDEMPOTENCY_KEY_MALFORMED"
    summary = "Idempotency-Key must be 1 to 128 visible ASCII characters."


def read_idempotency_key() -> str | None:
    """The request's key, None without one. Raises `IdempotencyKeyMalformed`."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY or not all("!" <= character <= "~" for character in key):
        raise IdempotencyKeyMalformed
    return key
