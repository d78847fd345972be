"""ID and access tokens of one Cognito user pool (Amazon Cognito Developer Guide, "Verifying JSON
web tokens").

Cognito signs both with the same keys, and only `token_use` distinguishes them: an ID token names
its app client in `aud` and carries the address, an access token names it in `client_id` and carries
none."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from service.core.principal import Principal, SignInMethod, is_uuid
from service.identity.claims import check_times, email_of, issued_at, signed_in_at, texts_of
from service.identity.entities import Rejection, TokenRejected
from service.identity.signing_keys import ALGORITHM, SigningKeys
from service.identity.token_format import PLAIN_TYPES, key_id_of, signed_claims
from service.identity.tokens import VerifiedToken, verified

_POOL_ID = re.compile(r"([a-z]{2,}(?:-[a-z0-9]+)+)_[A-Za-z0-9]{1,45}")
_CLIENT_CLAIM = {"id": "aud", "access": "client_id"}


def is_pool_id(text: str) -> bool:
    """Whether the text has the form of a user pool's id, `<region>_<name>`."""
    return _POOL_ID.fullmatch(text) is not None


def pool_issuer(pool_id: str) -> str:
    """The `iss` of that pool's tokens, also where its keys are published."""
    region = pool_id.partition("_")[0]
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{domain}/{pool_id}"


class CognitoTokens:
    """Verifies tokens of the pool whose `iss` is `issuer`, made for one of `client_ids`. Safe from
    any thread."""

    def __init__(self, keys: SigningKeys, issuer: str, client_ids: Collection[str]) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_ids = frozenset(client_ids)

    def verify(self, token: str, now_seconds: float) -> VerifiedToken:
        """Who the token is for.

        Taken only: RS256, a `kid` that the pool publishes, no `crit`, `typ` JWT or none, a matching
        signature, the pool as `iss`, `token_use` id or access, one of our app clients, now between
        `nbf`, `iat` and `exp` (60 s of leeway, `iat` and `exp` required), a UUID as `sub`. Raises
        `TokenRejected` or `IdentityUnavailable`.

        A signature does not say whether the user was deleted or signed out meanwhile."""
        key = self._keys.find(key_id_of(token, ALGORITHM, PLAIN_TYPES))
        claims = signed_claims(token, key, ALGORITHM)
        principal = cognito_principal(claims, self._issuer, self._client_ids, now_seconds)
        return verified(principal, claims)


def cognito_principal(
    claims: Mapping[str, Any], issuer: str, client_ids: Collection[str], now_seconds: float
) -> Principal:
    """The principal that signed claims name; its address may be unverified, and an access token
    has none. Pure. Raises `TokenRejected`."""
    if claims.get("iss") != issuer:
        raise TokenRejected(Rejection.ISSUER)
    use = claims.get("token_use")
    if not isinstance(use, str) or use not in _CLIENT_CLAIM:
        raise TokenRejected(Rejection.TYPE)
    client = claims.get(_CLIENT_CLAIM[use])
    if not isinstance(client, str) or client not in client_ids:
        raise TokenRejected(Rejection.AUDIENCE)
    check_times(claims, now_seconds)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_uuid(subject):
        raise TokenRejected(Rejection.SUBJECT)
    email = email_of(claims) if use == "id" else None
    return Principal(
        issuer,
        subject,
        email,
        email_verified=email is not None and claims.get("email_verified") is True,
        method=SignInMethod.COGNITO,
        authenticated_at=signed_in_at(claims),
        issued_at=issued_at(claims),
        groups=texts_of(claims, "cognito:groups"),
    )
