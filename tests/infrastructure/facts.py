"""Reads single values of a rendered resource by their path, and says which are not as they must
be."""

from collections.abc import Iterator, Mapping
from typing import Any


def differing(name: str, body: Any, wanted: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each path, such as `Rules.0.Status`, whose value is another. Numbers and
    booleans may be written as text."""
    for path, value in wanted.items():
        found = at(body, path)
        if _plain(found) != _plain(value):
            yield f"{name}: {path} is {found!r}, and must be {value!r}"


def at(body: Any, path: str) -> Any:
    """The value at a path; None where there is none."""
    for part in path.split("."):
        if isinstance(body, list):
            if not part.isdecimal() or int(part) >= len(body):
                return None
            body = body[int(part)]
        elif isinstance(body, Mapping):
            body = body.get(part)
        else:
            return None
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value
