"""Parses JSON strictly by RFC 8259, within limits that keep a small body from becoming a large
object."""

import json
import math
from collections.abc import Iterable
from itertools import chain
from typing import Any

from service.web.request_errors import MalformedJson

MAX_LEVELS = 32
MAX_DELIMITERS = 10_000
MAX_INTEGER = 20


def parse_object(raw: bytes) -> dict[str, Any]:
    """Returns the JSON object in `raw`.

    Raises `MalformedJson` for anything but UTF-8 without a byte order mark, NaN and infinities
    (also by overflow), a repeated name in one object, integers of more than 20 characters, a lone
    surrogate, more than 32 levels, more than 10,000 commas and opening brackets (inside text too),
    and anything but an object at the top."""
    if sum(raw.count(delimiter) for delimiter in (b",", b"[", b"{")) > MAX_DELIMITERS:
        raise MalformedJson("The body holds too many values.")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short_integer,
        )
    except UnicodeDecodeError:
        raise MalformedJson("The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise MalformedJson("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise MalformedJson("The body must be a JSON object.")
    _check_inside(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise MalformedJson("A name is given twice in one object.")
    return content


def _no_constant(word: str) -> float:
    raise MalformedJson(f"{word} is not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson("A number is too large.")
    return number


def _short_integer(text: str) -> int:
    if len(text) > MAX_INTEGER:
        raise MalformedJson("A number is too large.")
    return int(text)


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
