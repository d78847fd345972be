"""The feature's one operation: identifying the caller."""

from collections.abc import Callable
from typing import Protocol

from service.core.placeholders import is_placeholder
from service.core.principal import Principal, is_google_subject
from service.identity.entities import GOOGLE, AuthenticationRequired

BARE_SUMMARY = (
    f"{AuthenticationRequired.summary} Here a text GoogleID in the body, or in the header "
    "X-Google-ID, does as well."
)


class Tokens(Protocol):
    """Verifies tokens, as `BearerTokens` does."""

    def verify(self, token: str) -> Principal: ...


class Identity:
    """Identifies callers. `trust_bare_google_id` accepts a GoogleID without a token; the settings
    refuse that in production."""

    def __init__(self, tokens: Tokens, *, trust_bare_google_id: bool) -> None:
        self._tokens = tokens
        self._trust_bare = trust_bare_google_id

    def sign_in(self, bearer: str | None, bare_google_id: Callable[[], str | None]) -> Principal:
        """Returns the caller. A bearer token is always verified, and decides; `bare_google_id` is
        called only if it is trusted and the request has no token. Raises `AuthenticationRequired`
        or what the token verification raises."""
        if bearer is not None:
            return self._tokens.verify(bearer)
        claimed = bare_google_id() if self._trust_bare else None
        if claimed is None or not is_google_subject(claimed) or is_placeholder(claimed):
            raise AuthenticationRequired(BARE_SUMMARY if self._trust_bare else None)
        return Principal(GOOGLE, claimed)
