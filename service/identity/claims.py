"""The claims that a Google ID token must have. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from service.core.principal import Principal, is_subject
from service.identity.entities import GOOGLE, EmailNotVerified, Rejection, TokenRejected
from service.identity.signing_keys import ALGORITHM

ISSUERS = (GOOGLE, "accounts.google.com")
LEEWAY_SECONDS = 60
MAX_EMAIL = 320
END_OF_TIME = 10**12


def key_id_of(token: str) -> str:
    """The `kid` of a token whose header is acceptable. Raises `TokenRejected`."""
    try:
        header = PyJWS().get_unverified_header(token)
    except PyJWTError:
        raise TokenRejected(Rejection.MALFORMED) from None
    if header.get("alg") != ALGORITHM:
        raise TokenRejected(Rejection.ALGORITHM)
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise TokenRejected(Rejection.TYPE)
    if "crit" in header:
        raise TokenRejected(Rejection.MALFORMED)
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise TokenRejected(Rejection.KEY)
    return key_id


def principal_of(
    claims: Mapping[str, Any], client_ids: Collection[str], now_seconds: float
) -> Principal:
    """The principal that signed claims name. Pure. Raises `TokenRejected` or `EmailNotVerified`."""
    if claims.get("iss") not in ISSUERS:
        raise TokenRejected(Rejection.ISSUER)
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in client_ids:
        raise TokenRejected(Rejection.AUDIENCE)
    _check_times(claims, now_seconds)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_subject(subject):
        raise TokenRejected(Rejection.SUBJECT)
    if claims.get("email_verified") is not True:
        raise EmailNotVerified
    email = claims.get("email")
    well_formed = isinstance(email, str) and len(email) <= MAX_EMAIL and email.isprintable()
    return Principal(GOOGLE, subject, email if well_formed else None, _signed_in_at(claims))


def _signed_in_at(claims: Mapping[str, Any]) -> int | None:
    """When the user signed in, in epoch milliseconds: `auth_time` (OpenID Connect Core, 2), never
    later than `iat`. None without `auth_time`, which is there only if the app requested it: a token
    that is renewed without a sign-in has a new `iat`, which proves nothing."""
    signed_in = claims.get("auth_time")
    return int(min(claims["iat"], signed_in) * 1000) if _is_time(signed_in) else None


def _check_times(claims: Mapping[str, Any], now_seconds: float) -> None:
    issued: Any = claims.get("iat")
    ends: Any = claims.get("exp")
    starts = claims.get("nbf", issued)
    if not (_is_time(issued) and _is_time(ends) and _is_time(starts)):
        raise TokenRejected(Rejection.CLAIMS)
    if now_seconds >= ends + LEEWAY_SECONDS:
        raise TokenRejected(Rejection.EXPIRED)
    if max(issued, starts) > now_seconds + LEEWAY_SECONDS:
        raise TokenRejected(Rejection.NOT_YET_VALID)


def _is_time(value: object) -> TypeGuard[int | float]:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < END_OF_TIME
    )
