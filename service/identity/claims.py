"""What claims must say, whoever issued them. Pure."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from service.identity.entities import Rejection, TokenRejected

LEEWAY_SECONDS = 60
MAX_EMAIL = 320
MAX_TEXT = 255
END_OF_TIME = 10**12


def check_times(claims: Mapping[str, Any], now_seconds: float) -> None:
    """Refuses claims without `iat` and `exp`, and those that do not hold now. Raises
    `TokenRejected`."""
    issued: Any = claims.get("iat")
    ends: Any = claims.get("exp")
    starts = claims.get("nbf", issued)
    if not (_is_time(issued) and _is_time(ends) and _is_time(starts)):
        raise TokenRejected(Rejection.CLAIMS)
    if now_seconds >= ends + LEEWAY_SECONDS:
        raise TokenRejected(Rejection.EXPIRED)
    if max(issued, starts) > now_seconds + LEEWAY_SECONDS:
        raise TokenRejected(Rejection.NOT_YET_VALID)


def signed_in_at(claims: Mapping[str, Any]) -> int | None:
    """When the user signed in, in epoch milliseconds: `auth_time` (OpenID Connect Core, 2), never
    later than `iat`. None without `auth_time`, which is there only if the app requested it: a token
    that is renewed without a sign-in has a new `iat`, which proves nothing."""
    signed_in = claims.get("auth_time")
    return int(min(claims["iat"], signed_in) * 1000) if _is_time(signed_in) else None


def issued_at(claims: Mapping[str, Any]) -> int:
    """When the token was issued, in epoch milliseconds; `check_times` has accepted it."""
    return int(claims["iat"] * 1000)


def email_of(claims: Mapping[str, Any]) -> str | None:
    """The address, unless it is malformed."""
    email = claims.get("email")
    well_formed = isinstance(email, str) and len(email) <= MAX_EMAIL and email.isprintable()
    return email if well_formed else None


def text_of(claims: Mapping[str, Any], name: str) -> str | None:
    """A claim that is a text of at most 255 characters, None otherwise."""
    value = claims.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def texts_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The members of a claim that is a list of texts; none otherwise."""
    values = claims.get(name)
    well_formed = isinstance(values, list) and all(isinstance(each, str) for each in values)
    return frozenset(values) if isinstance(values, list) and well_formed else frozenset()


def _is_time(value: object) -> TypeGuard[int | float]:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < END_OF_TIME
    )
