"""The error tree. A feature names its errors next to their rule by deriving from one of the kinds
here; only `service.web.errors` maps a kind to an HTTP status."""

from collections.abc import Mapping
from typing import ClassVar


class FareboxError(Exception):
    """A refusal or failure that is reported to the client.

    `code` is the stable word for programs, `summary` the default sentence for people (never vendor
    text, never a secret), `details` JSON-ready facts, `retry_after_seconds` when to try again,
    `location` the path of the job concerned. `details_example` and `advice` (what to do about it)
    are for the documentation."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    summary: ClassVar[str] = "Something went wrong on our side."
    retry_after: ClassVar[int | None] = None
    details_example: ClassVar[Mapping[str, object]] = {}
    advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, object] | None = None,
        retry_after_seconds: int | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message or self.summary)
        self.message = message or self.summary
        self.details = dict(details or {})
        self.retry_after_seconds = (
            retry_after_seconds if retry_after_seconds is not None else self.retry_after
        )
        self.location = location


class InvalidRequest(FareboxError):
    """The request cannot be understood or breaks its schema."""


class Unauthenticated(FareboxError):
    """No credentials, or invalid ones. `challenge` is the `WWW-Authenticate` header of the
    response."""

    challenge: ClassVar[str] = "Bearer"


class Forbidden(FareboxError):
    """Understood, and not allowed. `denies_access` says whether that is because of who the caller
    is, and not because of what they have."""

    denies_access: ClassVar[bool] = False


class NotFound(FareboxError):
    """It does not exist, or this caller may not see it; the two are never distinguished."""


class NotAllowed(FareboxError):
    """The address exists, the method does not."""


class Conflict(FareboxError):
    """The state of the resource does not allow this."""


class TooSlow(FareboxError):
    """The request was not received in time."""


class TooLarge(FareboxError):
    """More bytes than allowed."""


class UnsupportedMedia(FareboxError):
    """A body of a kind we do not read."""


class Unprocessable(FareboxError):
    """Well-formed, but contradicts what is stored."""


class RateLimited(FareboxError):
    """Too much at once. The code is also the firewall's (cloudformation/base), which limits
    every route."""

    code = "TOO_MANY_REQUESTS"
    summary = "Too many requests: from one address, with one token or for one wallet."


class BadGateway(FareboxError):
    """A provider responded to a synchronous job with a failure."""


class Unavailable(FareboxError):
    """Something we depend on cannot serve now, or an outcome is not known yet."""
