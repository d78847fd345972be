"""The error tree. A feature names its errors next to their rule by deriving from one of the kinds
here; only `service.web.errors` maps a kind to an HTTP status."""

from collections.abc import Mapping
from typing import ClassVar


class FareboxError(Exception):
    """A refusal or failure that a client learns of.

    `code` is the stable word for programs, `summary` the default sentence for people (never vendor
    text, never a secret), `details` JSON-ready facts, `retry_after_seconds` when trying again makes
    sense, `location` the path of the job concerned. `details_example` and `advice` (what to do
    about it) are for the documentation."""

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
    """No credentials, or credentials that do not hold."""


class Forbidden(FareboxError):
    """Understood, and not allowed."""


class NotFound(FareboxError):
    """No such thing, or none that this caller may see: the two are never distinguished."""


class NotAllowed(FareboxError):
    """The address exists, the method does not."""


class Conflict(FareboxError):
    """The thing is in a state that does not allow this."""


class TooSlow(FareboxError):
    """The request did not come in within its time."""


class TooLarge(FareboxError):
    """More bytes than allowed."""


class UnsupportedMedia(FareboxError):
    """A body of a kind we do not read."""


class Unprocessable(FareboxError):
    """Well-formed, and contradicts what is already known."""


class RateLimited(FareboxError):
    """Too much at once."""


class BadGateway(FareboxError):
    """A provider responded to a synchronous job with a failure."""


class Unavailable(FareboxError):
    """Something we depend on cannot serve now, or an outcome is not known yet."""
