"""Our own access tokens: JSON Web Tokens of the type `at+jwt` (RFC 9068, 2.1) for one session,
signed with ES256, good for 15 minutes. Whoever holds one is its user until then, so it carries
nothing that may change sooner."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt

from service.core.ids import is_id, time_of
from service.core.principal import Principal, SignInMethod, is_subject
from service.core.scopes import Minted
from service.identity.access_token_keys import ALGORITHM, AccessTokenKeys
from service.identity.claims import check_times, email_of, signed_in_at
from service.identity.entities import Rejection, TokenRejected
from service.identity.token_format import key_id_of, signed_claims
from service.identity.tokens import VerifiedToken

LIFE_SECONDS = 900
AUDIENCE = "farebox"
TYPE = "at+jwt"
TYPES = (TYPE, f"application/{TYPE}")
MAX_ID = 64
TOKEN_ID_PREFIX = "tok"
MAX_SCOPE = 256


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says of its user and session. `identity_issuer` is who vouches for the
    user id, such as Google; `authenticated_at` is when the user signed in, in epoch
    milliseconds (None: nothing proves it). `minted` binds a session that a server key minted."""

    user_id: str
    session_id: str
    identity_issuer: str
    authenticated_at: int | None = None
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    scopes: frozenset[str] = frozenset()
    minted: Minted | None = None


class AccessTokens:
    """Issues and verifies access tokens whose `iss` is `issuer`. `read_keys` is called once, at the
    first use or by `load`."""

    def __init__(self, issuer: str, read_keys: Callable[[], AccessTokenKeys]) -> None:
        self.issuer = issuer
        self._read_keys = read_keys

    @cached_property
    def _keys(self) -> AccessTokenKeys:
        return self._read_keys()

    def load(self) -> None:
        """Reads the keys now, so that a web process without usable ones does not start. Raises
        `SettingsError` or `SecretUnavailable`."""
        self._keys  # noqa: B018 - read for its effect

    def issue(self, claims: AccessClaims, token_id: str, now: int) -> str:
        """A token of these claims that was issued at `now` (epoch milliseconds), under a new id of
        that time with the prefix `TOKEN_ID_PREFIX`."""
        key = self._keys.signing
        headers = {"typ": TYPE, "kid": key.key_id}
        content = payload(self.issuer, claims, token_id, now)
        return jwt.encode(content, key.private_key, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str, now_seconds: float) -> VerifiedToken:
        """Whom a token is for; it has the form of one, and claims to be ours. It ends to the
        second: our own clocks need no leeway at its end. Raises `TokenRejected`."""
        key_id = key_id_of(token, ALGORITHM, TYPES)
        claims = signed_claims(token, self._keys.public_key(key_id), ALGORITHM)
        principal = principal_of(claims, self.issuer, now_seconds)
        return VerifiedToken(principal, claims["exp"])

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        return self._keys.key_set()


def payload(issuer: str, claims: AccessClaims, token_id: str, now: int) -> dict[str, Any]:
    """The claims as they stand in a token. Pure."""
    issued = now // 1000
    content = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": claims.user_id,
        "sid": claims.session_id,
        "jti": token_id,
        "iat": issued,
        "exp": issued + LIFE_SECONDS,
        "idp": claims.identity_issuer,
        "scope": " ".join(sorted(claims.scopes)),
    }
    if claims.minted is not None:
        content["minted"] = _minted_claim(claims.minted)
    if claims.authenticated_at is not None:
        content["auth_time"] = claims.authenticated_at // 1000
    if claims.email is not None:
        content |= {"email": claims.email, "email_verified": claims.email_verified}
    return content


def principal_of(claims: Mapping[str, Any], issuer: str, now_seconds: float) -> Principal:
    """The principal that signed claims name. Pure. Raises `TokenRejected`."""
    if claims.get("iss") != issuer:
        raise TokenRejected(Rejection.ISSUER)
    if claims.get("aud") != AUDIENCE:
        raise TokenRejected(Rejection.AUDIENCE)
    check_times(claims, now_seconds)
    if now_seconds >= claims["exp"]:
        raise TokenRejected(Rejection.EXPIRED)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_subject(subject):
        raise TokenRejected(Rejection.SUBJECT)
    return Principal(
        issuer=_text(claims, "idp", MAX_SCOPE),
        subject=subject,
        email=email_of(claims),
        email_verified=claims.get("email_verified") is True,
        method=SignInMethod.SESSION,
        session_id=_text(claims, "sid", MAX_ID),
        scopes=frozenset(_text(claims, "scope", MAX_SCOPE, min_length=0).split()),
        minted=_minted(claims),
        authenticated_at=signed_in_at(claims),
        issued_at=_issued_at(claims),
    )


def _minted_claim(minted: Minted) -> dict[str, object]:
    return {
        "key": minted.key_id,
        "origins": sorted(minted.origins),
        "ceiling": minted.has_ceiling,
    }


def _minted(claims: Mapping[str, Any]) -> Minted | None:
    """What is malformed is refused: read as no binding it would free the token of all of them."""
    if "minted" not in claims:
        return None
    match claims["minted"]:
        case {"key": str(key_id), "origins": list(origins), "ceiling": bool(has_ceiling)} if all(
            isinstance(origin, str) for origin in origins
        ):
            return Minted(key_id, frozenset(origins), has_ceiling)
    raise TokenRejected(Rejection.CLAIMS)


def _issued_at(claims: Mapping[str, Any]) -> int:
    """To the millisecond, by the token's id: within one second a user may end a session and open
    another."""
    token_id = _text(claims, "jti", MAX_ID)
    if not is_id(TOKEN_ID_PREFIX, token_id):
        raise TokenRejected(Rejection.CLAIMS)
    at = time_of(TOKEN_ID_PREFIX, token_id)
    if at // 1000 != claims["iat"]:
        raise TokenRejected(Rejection.CLAIMS)
    return at


def _text(claims: Mapping[str, Any], name: str, max_length: int, min_length: int = 1) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not min_length <= len(value) <= max_length:
        raise TokenRejected(Rejection.CLAIMS)
    return value
