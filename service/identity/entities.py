"""The errors of authentication."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from service.core.errors import Forbidden, Unauthenticated, Unavailable
from service.core.principal import Principal

GOOGLE = "https://accounts.google.com"


class Rejection(StrEnum):
    """What is wrong with a token, for the developers of the front end. It never contains what
    the token holds."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY = "key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    CLAIMS = "claims"
    SUBJECT = "subject"
    SERVER_KEY = "server_key"


_SENTENCES = {
    Rejection.MALFORMED: "The token is not a plain JSON Web Token of at most 8 KB.",
    Rejection.ALGORITHM: "The token is not signed with its issuer's algorithm: RS256 of Google and "
    "Cognito, ES256 of this service.",
    Rejection.TYPE: "The token is of another type: send Google's or Cognito's ID token, Cognito's "
    "access token, or this service's access token.",
    Rejection.KEY: "The token is not signed with one of its issuer's current keys.",
    Rejection.SIGNATURE: "The token's signature does not match.",
    Rejection.ISSUER: "The token was issued by none of those that this service trusts. Google's "
    "access tokens name no issuer: send the ID token.",
    Rejection.AUDIENCE: "The token was made for another app: its aud (client_id in an access token "
    "of Cognito) is not one of GOOGLE_CLIENT_IDS or COGNITO_CLIENT_IDS.",
    Rejection.EXPIRED: "The token has expired; get a fresh one.",
    Rejection.NOT_YET_VALID: "The token is not valid yet.",
    Rejection.CLAIMS: "The token lacks iat or exp.",
    Rejection.SUBJECT: "The token's sub is missing or malformed.",
    Rejection.SERVER_KEY: "The server key is unknown, revoked or malformed.",
}


class AuthenticationRequired(Unauthenticated):
    code = "AUTHENTICATION_REQUIRED"
    summary = "Send a token: Authorization: Bearer <token>."


class TokenRejected(Unauthenticated):
    """`details.reason` is one of `Rejection`."""

    code = "TOKEN_REJECTED"
    summary = "The token cannot be accepted; details.reason says why."
    details_example: ClassVar[Mapping[str, object]] = {"reason": Rejection.EXPIRED.value}

    def __init__(self, reason: Rejection) -> None:
        super().__init__(_SENTENCES[reason], details={"reason": reason.value})


class EmailNotVerified(Unauthenticated):
    """401, not 403: a token whose e-mail address Google has not verified does not say who is
    calling."""

    code = "EMAIL_NOT_VERIFIED"
    summary = (
        "Google has not verified the e-mail address of this account, or the token was made "
        "without the email scope."
    )


class GoogleIdMismatch(Forbidden):
    code = "GOOGLE_ID_MISMATCH"
    denies_access = True
    summary = "GoogleID is not the user who is signed in; details names both. It can be left out."
    details_example: ClassVar[Mapping[str, object]] = {
        "googleId": "110248495921238986420",
        "signedInAs": "361005957463697295785",
    }

    def __init__(self, claimed: str, subject: str) -> None:
        super().__init__(
            f"GoogleID is {claimed}, but the request is signed in as {subject}. GoogleID can be "
            "left out.",
            details={"googleId": claimed, "signedInAs": subject},
        )


class SignatureFault(StrEnum):
    """What is wrong with a signed request. An unknown key, another algorithm and a changed request
    are one and the same to a stranger."""

    MALFORMED = "malformed"
    TIME = "time"
    SIGNATURE = "signature"
    DIGEST = "digest"
    REPLAYED = "replayed"


_FAULT_SENTENCES = {
    SignatureFault.MALFORMED: "Send one signature with keyid, created, expires and nonce (16 to 64 "
    "letters and digits), to a plain host, and no bearer token.",
    SignatureFault.TIME: "The signature is too old, from the future, or good for more than 60 "
    "seconds. Compare your clock, and sign again.",
    SignatureFault.SIGNATURE: "The signature does not match, or does not cover @method, "
    "@authority, @path, @query, content-digest and an idempotency-key that is sent.",
    SignatureFault.DIGEST: "The body is not what Content-Digest says.",
    SignatureFault.REPLAYED: "This signed request was accepted before. Sign it again, with a new "
    "nonce.",
}


class SignatureRejected(Unauthenticated):
    """`details.reason` is one of `SignatureFault`. Nothing was done."""

    code = "SIGNATURE_REJECTED"
    summary = "The request's signature cannot be accepted; details.reason says why."
    advice = "Sign the request again. Unchanged, it will be refused."
    details_example: ClassVar[Mapping[str, object]] = {"reason": SignatureFault.TIME.value}

    def __init__(self, fault: SignatureFault) -> None:
        super().__init__(_FAULT_SENTENCES[fault], details={"reason": fault.value})


class SignInTooOld(Unauthenticated):
    """RFC 9470: the token is good, but not for this. A fresh sign-in (`max_age`) is. A token
    without `auth_time` is too old: when it was issued does not say when its user signed in."""

    code = "SIGN_IN_TOO_OLD"
    summary = (
        "This needs a sign-in within the last 15 minutes, and the token must say so: sign in "
        "again, with Google by max_age, so that the token has an auth_time."
    )
    challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'


class OperatorRequired(Forbidden):
    """The same for every address below `/admin`, whether there is something at it or not."""

    code = "OPERATOR_REQUIRED"
    denies_access = True
    summary = "Only operators may do this."


class ServerKeyRequired(Forbidden):
    code = "SERVER_KEY_REQUIRED"
    denies_access = True
    summary = "Only back ends may do this. Send a server key: Authorization: Bearer <key>."


class ServerKeyNotAllowed(Forbidden):
    """A server key is no one's sign-in."""

    code = "SERVER_KEY_NOT_ALLOWED"
    denies_access = True
    summary = "A server key cannot do this. Mint a session for the user, POST /auth/sessions."


class ScopeMissing(Forbidden):
    """`details.scope` is what the key or the session would need; null: no such session may."""

    code = "SCOPE_MISSING"
    denies_access = True
    summary = "This server key, or the session that it minted, may not do this."
    advice = (
        "Use a key with the scope in `details.scope`, or mint the session with it. Where it is "
        "null, the user has to sign in by themselves."
    )
    details_example: ClassVar[Mapping[str, object]] = {"scope": "jobs:create"}

    def __init__(self, scope: str | None) -> None:
        super().__init__(details={"scope": scope})


class OriginNotAllowed(Forbidden):
    code = "ORIGIN_NOT_ALLOWED"
    denies_access = True
    summary = "This session may not be used by pages of this origin."
    advice = "Mint the session with the page's origin in `origins`."


class ServerKeyRevoked(Unauthenticated):
    code = "SERVER_KEY_REVOKED"
    summary = "The server key that minted this session was revoked, which ended the session."
    advice = "Get a new token from the app's back end."
    challenge = 'Bearer error="invalid_token"'


def check_google_id(claimed: str | None, principal: Principal) -> None:
    """For a request that may name its user besides. Raises `GoogleIdMismatch`."""
    if claimed not in (None, principal.subject):
        raise GoogleIdMismatch(str(claimed), principal.subject)


class IdentityUnavailable(Unavailable):
    """The issuer's keys cannot be fetched, so the token cannot be verified."""

    code = "IDENTITY_UNAVAILABLE"
    summary = "Sign-in cannot be checked at the moment. Try again shortly."
    retry_after = 5


OPERATOR_ERRORS = (OperatorRequired, SignatureRejected)
SERVER_ERRORS = (ServerKeyRequired, ScopeMissing)
# What users' routes refuse back ends and minted sessions with.
MINTED_ERRORS = (ServerKeyNotAllowed, ServerKeyRevoked, ScopeMissing, OriginNotAllowed)
SIGN_IN_ERRORS = (AuthenticationRequired, TokenRejected, EmailNotVerified, IdentityUnavailable)
