"""Which requests a statement of the firewall matches, for the statements that our template uses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    """What a rule can look at; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


def matches(statement: Mapping[str, Any], request: Request) -> bool:
    """Raises `LookupError` for a kind of statement that is not known here."""
    ((kind, told),) = statement.items()
    if kind in ("AndStatement", "OrStatement"):
        joined = all if kind == "AndStatement" else any
        return joined(matches(part, request) for part in told["Statements"])
    if kind == "NotStatement":
        return not matches(told["Statement"], request)
    text = _field(told["FieldToMatch"], request)
    if any(step["Type"] == "URL_DECODE" for step in told["TextTransformations"]):
        text = unquote(text)
    if kind == "RegexMatchStatement":
        return re.search(told["RegexString"], text) is not None
    if kind == "ByteMatchStatement":
        return _compared(told["PositionalConstraint"], text, told["SearchString"])
    raise LookupError(kind)


def counted(rate: Mapping[str, Any], request: Request) -> bool:
    """Whether a rate-based statement counts the request: one without the header that it counts by
    is left out."""
    keys = [key["Header"]["Name"] for key in rate.get("CustomKeys", []) if "Header" in key]
    if not all(name in request.headers for name in keys):
        return False
    return "ScopeDownStatement" not in rate or matches(rate["ScopeDownStatement"], request)


def _field(told: Mapping[str, Any], request: Request) -> str:
    if "SingleHeader" in told:
        return request.headers.get(told["SingleHeader"]["Name"].lower(), "")
    if "Method" in told:
        return request.method
    if "UriPath" in told:
        return request.path
    raise LookupError(str(sorted(told)))


def _compared(how: str, text: str, wanted: str) -> bool:
    if how == "STARTS_WITH":
        return text.startswith(wanted)
    if how == "EXACTLY":
        return text == wanted
    raise LookupError(how)
