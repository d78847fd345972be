"""Principals as tokens of each kind make them."""

from service.core.principal import Principal, SignInMethod

GOOGLE = "https://accounts.google.com"
POOL = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Farebox01"
OURS = "https://api.example.com"
CAT = "0b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d01"
PAM = "usr_01kb7r3v6q8f2x0m4n5p6q7r8s"


def google(subject: str, email: str | None = None, *, at: int | None = None) -> Principal:
    """With `<subject>@example.com` unless another address is given."""
    email = f"{subject}@example.com" if email is None else email
    return _principal(GOOGLE, subject, email, SignInMethod.GOOGLE, at)


def cognito(
    subject: str = CAT, email: str | None = None, *, verified: bool = True, at: int | None = None
) -> Principal:
    """Without an address as of an access token, unless one is given."""
    return _principal(POOL, subject, email, SignInMethod.COGNITO, at, verified=verified)


def session(subject: str, email: str | None = None, *, at: int | None = None) -> Principal:
    return _principal(OURS, subject, email, SignInMethod.SESSION, at)


def _principal(
    issuer: str,
    subject: str,
    email: str | None,
    method: SignInMethod,
    at: int | None,
    *,
    verified: bool = True,
) -> Principal:
    return Principal(
        issuer,
        subject,
        email,
        email is not None and verified,
        method,
        authenticated_at=at,
        issued_at=at,
    )
