"""Parses JSON strictly by RFC 8259, within limits that keep a small body from becoming a large
object."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from service.web.request_errors import MalformedJson

MAX_LEVELS = 32
MAX_DELIMITERS = 10_000
MAX_INTEGER = 20

# A text, or what is left of one that never ends: so each byte is read once. No byte of a longer
# UTF-8 sequence looks like a quote or a backslash.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# Before each stands a delimiter, or the name that stands behind one.
_MAX_TEXTS = 2 * MAX_DELIMITERS
_DELIMITERS = (b",", b"[", b"{")

BOMS = {
    b"\xef\xbb\xbf": "The body begins with a byte order mark (BOM). Send UTF-8 without it.",
    b"\xff\xfe": "The body begins with the byte order mark of UTF-16. Send UTF-8.",
    b"\xfe\xff": "The body begins with the byte order mark of UTF-16. Send UTF-8.",
}


@dataclass(frozen=True)
class Parsed:
    """A JSON object, and what is wrong with one of its values (None: nothing). A schema that
    refuses that value says so better, by the field's name."""

    content: dict[str, Any]
    fault: MalformedJson | None


class TooLargeNumber:
    """Stands in `Parsed.content` for a number that is out of bounds; of a type that no schema
    takes."""


def parse_object(raw: bytes) -> dict[str, Any]:
    """Returns the JSON object in `raw`. Raises what `parse` raises, and `Parsed.fault`."""
    parsed = parse(raw)
    if parsed.fault:
        raise parsed.fault
    return parsed.content


def parse(raw: bytes) -> Parsed:
    """Returns the JSON object in `raw`; its `fault` is an integer of more than 20 characters, or a
    number beyond a double's range.

    Raises `MalformedJson` for anything but UTF-8 without a byte order mark, NaN and infinities,
    a repeated name in one object, a lone surrogate, more than 32 levels, more than 10,000 commas
    and opening brackets (those inside text aside), and anything but an object at the top. Where the
    syntax breaks, `details` has `line` and `column`, counted from 1."""
    if _has_too_many(raw) and _has_too_many(_TEXT.sub(b"", raw, _MAX_TEXTS)):
        raise MalformedJson("The body holds too many values.")
    numbers = _Numbers()
    try:
        value = json.loads(
            _text(raw),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=numbers.decimal,
            parse_int=numbers.integer,
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        details = {"line": error.lineno, "column": error.colno}
        message = (
            "The body is not JSON: see details for where." if raw.strip() else "The body is empty."
        )
        raise MalformedJson(message, details=details) from None
    if not isinstance(value, dict):
        raise MalformedJson("The body must be a JSON object.")
    _check_inside(value)
    return Parsed(value, MalformedJson("A number is too large.") if numbers.too_large else None)


def _has_too_many(raw: bytes) -> bool:
    return sum(raw.count(delimiter) for delimiter in _DELIMITERS) > MAX_DELIMITERS


def _text(raw: bytes) -> str:
    for bom, message in BOMS.items():
        if raw.startswith(bom):
            raise MalformedJson(message, details={"line": 1, "column": 1})
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        details = {
            "line": before.count(b"\n") + 1,
            "column": len(before.rpartition(b"\n")[2].decode("utf-8")) + 1,
        }
        raise MalformedJson(
            "The body is not UTF-8: see details for where.", details=details
        ) from None


class _Numbers:
    """Reads numbers, and remembers whether one was out of bounds."""

    def __init__(self) -> None:
        self.too_large = False

    def integer(self, text: str) -> int | TooLargeNumber:
        return self._out_of_bounds() if len(text) > MAX_INTEGER else int(text)

    def decimal(self, text: str) -> float | TooLargeNumber:
        number = float(text)
        return number if math.isfinite(number) else self._out_of_bounds()

    def _out_of_bounds(self) -> TooLargeNumber:
        self.too_large = True
        return TooLargeNumber()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise MalformedJson("A name is given twice in one object.")
    return content


def _no_constant(word: str) -> float:
    raise MalformedJson(f"{word} is not JSON.")


def _check_inside(value: dict[str, Any]) -> None:
    containers: list[Any] = [value]
    for _ in range(MAX_LEVELS):
        parts = [part for container in containers for part in _parts(container)]
        if not all(_encodable(part) for part in parts if isinstance(part, str)):
            raise MalformedJson("Text holds half a surrogate pair.")
        containers = [part for part in parts if isinstance(part, dict | list)]
        if not containers:
            return
    raise _too_deep()


def _parts(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return chain(container.keys(), container.values()) if isinstance(container, dict) else container


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep() -> MalformedJson:
    return MalformedJson(f"The body is nested deeper than {MAX_LEVELS} levels.")
