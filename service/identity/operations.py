"""The feature's one operation: identifying the caller."""

from collections.abc import Callable
from typing import Protocol

from service.core.placeholders import is_placeholder
from service.core.principal import Principal, is_google_subject
from service.core.server_key_gate import SERVER_KEY_PREFIX
from service.identity.entities import GOOGLE, AuthenticationRequired

BARE_SUMMARY = (
    f"{AuthenticationRequired.summary} Here a text GoogleID in the body, or in the header "
    "X-Google-ID, does as well."
)


class Tokens(Protocol):
    """Verifies tokens, as `BearerTokens` does, or server keys, as a `ServerKeyGate` does."""

    def verify(self, token: str) -> Principal: ...


class Identity:
    """Identifies callers: users by their tokens, back ends by their server keys, which begin with
    `sk_`, as no token does. `trust_bare_google_id` accepts a GoogleID without a token; the settings
    refuse that in production."""

    def __init__(self, tokens: Tokens, server_keys: Tokens, *, trust_bare_google_id: bool) -> None:
        self._tokens = tokens
        self._server_keys = server_keys
        self._trust_bare = trust_bare_google_id

    def sign_in(self, bearer: str | None, bare_google_id: Callable[[], str | None]) -> Principal:
        """Returns the caller. A bearer token is always verified, and decides; `bare_google_id` is
        called only if it is trusted and the request has no token. Raises `AuthenticationRequired`
        or what the token verification raises."""
        if bearer is not None:
            is_server_key = bearer.startswith(SERVER_KEY_PREFIX)
            return (self._server_keys if is_server_key else self._tokens).verify(bearer)
        claimed = bare_google_id() if self._trust_bare else None
        if claimed is None or not is_google_subject(claimed) or is_placeholder(claimed):
            raise AuthenticationRequired(BARE_SUMMARY if self._trust_bare else None)
        return Principal(GOOGLE, claimed)
