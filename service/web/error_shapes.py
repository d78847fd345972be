"""Errors in another shape than the one envelope: below an address at which another vendor's clients
expect that vendor's own.

In a file of its own because the error handlers and the OpenAPI document both need it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from service.core.errors import FareboxError


class ErrorShape(Protocol):
    """The shape of every error below `prefix`, which ends with a slash: those of an unknown address
    and of a wrong method too. `name` is that of its `schema` in the OpenAPI document."""

    prefix: str
    name: str
    schema: Mapping[str, Any]

    def status(self, kind: type[FareboxError], usual: int) -> int:
        """The HTTP status of that class of errors; `usual` is that of all other addresses."""
        ...

    def body(self, error: FareboxError, status: int) -> Mapping[str, object]:
        """The JSON of the response to that error."""
        ...

    def headers(self, error: FareboxError) -> Mapping[str, str]:
        """What it has besides the usual headers."""
        ...


def shape_at(shapes: Sequence[ErrorShape], path: str) -> ErrorShape | None:
    """The shape of errors at that path; None for the envelope."""
    return next((each for each in shapes if f"{path}/".startswith(each.prefix)), None)
