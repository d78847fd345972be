"""Page tokens: where a list goes on, opaque to the client. A token is sealed for one list of one
caller with its filters, so that a page can neither be made up nor carried into another list."""

import base64
import binascii
import hmac
from collections.abc import Sequence

from service.core.errors import InvalidRequest
from service.core.seals import holds, seal

MAX_TOKEN = 200
_SEAL_LENGTH = 22


class PageTokenInvalid(InvalidRequest):
    """Not a token of ours, or one of another list."""

    code = "PAGE_TOKEN_INVALID"
    summary = "nextToken is not valid for this list."
    advice = "Send it with the same filters as the page that it came with, or begin anew."


class PageTokens:
    """Seals with the first key and accepts all of them, so that keys can be replaced one after the
    other.

    `scope` names the list, its owner and its filters; `place` is where the list goes on, a short
    text such as a sort key."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"page-token", "sha256") for key in keys]

    def seal(self, scope: Sequence[object], place: str) -> str:
        """The token of that place."""
        mac = seal(_facts(scope, place), self._keys[0])
        return _encoded(mac + place)

    def open(self, scope: Sequence[object], token: str) -> str:
        """The place in a token of exactly this list. Raises `PageTokenInvalid`."""
        text = _decoded(token)
        mac, place = text[:_SEAL_LENGTH], text[_SEAL_LENGTH:]
        if not any(holds(mac, _facts(scope, place), key) for key in self._keys):
            raise PageTokenInvalid
        return place


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(token: str) -> str:
    """Raises `PageTokenInvalid`, also for another spelling of the same bytes."""
    if len(token) > MAX_TOKEN:
        raise PageTokenInvalid
    try:
        padded = token + "=" * (-len(token) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise PageTokenInvalid from None
    if _encoded(text) != token:
        raise PageTokenInvalid
    return text


def _facts(scope: Sequence[object], place: str) -> list[object]:
    return ["page", *scope, place]
