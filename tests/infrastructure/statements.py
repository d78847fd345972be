"""Evaluates the firewall statements that the template uses against a request."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    """The parts of a request that a rule can match; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


def matches(statement: Mapping[str, Any], request: Request) -> bool:
    """Whether the statement matches. Raises `LookupError` for a kind that is not supported here."""
    ((kind, body),) = statement.items()
    if kind in ("AndStatement", "OrStatement"):
        joined = all if kind == "AndStatement" else any
        return joined(matches(part, request) for part in body["Statements"])
    if kind == "NotStatement":
        return not matches(body["Statement"], request)
    text = _transformed(_field(body["FieldToMatch"], request), body["TextTransformations"])
    if kind == "RegexMatchStatement":
        return re.search(body["RegexString"], text) is not None
    if kind == "ByteMatchStatement":
        return _compared(body["PositionalConstraint"], text, body["SearchString"])
    raise LookupError(kind)


def counted(rate: Mapping[str, Any], request: Request) -> bool:
    """Whether a rate-based statement counts the request. Requests without the header that it
    aggregates by are not counted."""
    keys = [key["Header"]["Name"] for key in rate.get("CustomKeys", []) if "Header" in key]
    if not all(name in request.headers for name in keys):
        return False
    return "ScopeDownStatement" not in rate or matches(rate["ScopeDownStatement"], request)


def aggregate_key(rate: Mapping[str, Any], request: Request) -> tuple[str, ...]:
    """What a rate-based statement with custom keys counts the request under."""
    return tuple(
        _transformed(request.headers[key["Header"]["Name"]], key["Header"]["TextTransformations"])
        for key in rate["CustomKeys"]
    )


def _transformed(text: str, steps: Sequence[Mapping[str, Any]]) -> str:
    if sorted(int(step["Priority"]) for step in steps) != list(range(len(steps))):
        raise LookupError("the priorities of transformations")
    for step in sorted(steps, key=lambda step: int(step["Priority"])):
        text = _TRANSFORMATIONS[step["Type"]](text)
    return text


_TRANSFORMATIONS: Mapping[str, Callable[[str], str]] = {
    "NONE": str,
    "LOWERCASE": str.lower,
    "URL_DECODE": unquote,
    "COMPRESS_WHITE_SPACE": lambda text: re.sub(r"\s+", " ", text),
}


def _field(body: Mapping[str, Any], request: Request) -> str:
    if "SingleHeader" in body:
        return request.headers.get(body["SingleHeader"]["Name"].lower(), "")
    if body.get("Method", "") == {}:
        return request.method
    if body.get("UriPath", "") == {}:
        return request.path
    raise LookupError(str(sorted(body)))


def _compared(how: str, text: str, wanted: str) -> bool:
    if how == "STARTS_WITH":
        return text.startswith(wanted)
    if how == "EXACTLY":
        return text == wanted
    raise LookupError(how)
