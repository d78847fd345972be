"""Page tokens: where a list goes on, opaque to the client. A token names a place inside the
caller's own partition only."""

import base64
import binascii

from service.core.errors import InvalidRequest

MAX_TOKEN = 200


class PageTokenInvalid(InvalidRequest):
    """Not a token of ours."""

    code = "PAGE_TOKEN_INVALID"
    summary = "nextToken is not valid for this list."


def to_token(sort_key: str) -> str:
    return base64.urlsafe_b64encode(sort_key.encode()).decode().rstrip("=")


def from_token(token: str, prefix: str) -> str:
    """The sort key in a token, which must begin with `prefix`. Raises `PageTokenInvalid`."""
    try:
        text = base64.b64decode(
            token + "=" * (-len(token) % 4), altchars=b"-_", validate=True
        ).decode()
    except (binascii.Error, ValueError):
        raise PageTokenInvalid from None
    if len(token) > MAX_TOKEN or not text.startswith(prefix):
        raise PageTokenInvalid
    return text
