"""Google ID tokens (https://developers.google.com/identity/gsi/web/guides/verify-google-id-token;
RFC 7519, RFC 8725)."""

from collections.abc import Collection, Mapping
from typing import Any

from service.core.principal import Principal, SignInMethod, is_google_subject
from service.identity.claims import check_times, email_of, issued_at, signed_in_at, text_of
from service.identity.entities import GOOGLE, EmailNotVerified, Rejection, TokenRejected
from service.identity.signing_keys import ALGORITHM, SigningKeys
from service.identity.token_format import PLAIN_TYPES, key_id_of, signed_claims
from service.identity.tokens import VerifiedToken, verified

ISSUERS = (GOOGLE, "accounts.google.com")


class GoogleTokens:
    """Verifies ID tokens made for one of `client_ids`. Safe from any thread."""

    def __init__(self, keys: SigningKeys, client_ids: Collection[str]) -> None:
        self._keys = keys
        self._client_ids = frozenset(client_ids)

    def verify(self, token: str, now_seconds: float) -> VerifiedToken:
        """Who the token is for.

        Taken only: RS256, a `kid` that Google publishes, no `crit`, `typ` JWT or none, a matching
        signature, Google as `iss`, one of our client ids as `aud` (no list), now between `nbf`,
        `iat` and `exp` (60 s of leeway, `iat` and `exp` required), a well-formed `sub`,
        `email_verified` true. Addresses of keys in the token are never followed. Raises
        `TokenRejected`, `EmailNotVerified` or `IdentityUnavailable`."""
        key = self._keys.find(key_id_of(token, ALGORITHM, PLAIN_TYPES))
        claims = signed_claims(token, key, ALGORITHM)
        return verified(google_principal(claims, self._client_ids, now_seconds), claims)


def google_principal(
    claims: Mapping[str, Any], client_ids: Collection[str], now_seconds: float
) -> Principal:
    """The principal that signed claims name. Pure. Raises `TokenRejected` or `EmailNotVerified`."""
    if claims.get("iss") not in ISSUERS:
        raise TokenRejected(Rejection.ISSUER)
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in client_ids:
        raise TokenRejected(Rejection.AUDIENCE)
    check_times(claims, now_seconds)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_google_subject(subject):
        raise TokenRejected(Rejection.SUBJECT)
    if claims.get("email_verified") is not True:
        raise EmailNotVerified
    return Principal(
        GOOGLE,
        subject,
        email_of(claims),
        email_verified=True,
        method=SignInMethod.GOOGLE,
        authenticated_at=signed_in_at(claims),
        issued_at=issued_at(claims),
        # Only accounts of a Google Workspace have it; a domain in an address proves nothing.
        hosted_domain=text_of(claims, "hd"),
    )
