"""Form-encoded parameters with nested names, as Stripe's clients send them: `a[b][0][c]=x`."""

import re
from urllib.parse import parse_qsl

from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.wire import Wire

MAX_DEPTH = 12
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def parse_form(text: str) -> Wire:
    """The parameters as nested dictionaries of strings. Elements of a list have their index as key;
    `a[]=x` continues its list. Raises `StripeError` for names that cannot be read."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError:
        raise StripeError("The request's parameters are not form-encoded UTF-8.") from None
    found: Wire = {}
    for name, value in pairs:
        _put(found, name, value)
    return found


def _put(found: Wire, name: str, value: str) -> None:
    parts = _parts(name)
    target = found
    for part in parts[:-1]:
        inner = target.setdefault(_key(target, part), {})
        if not isinstance(inner, dict):
            raise StripeError(f"Invalid parameter name: {name}", param=name)
        target = inner
    key = _key(target, parts[-1])
    if isinstance(target.get(key), dict):
        raise StripeError(f"Invalid parameter name: {name}", param=name)
    target[key] = value


def _parts(name: str) -> list[str]:
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise StripeError(f"Invalid parameter name: {name}", param=name)
    parts = [matched[1], *_PART.findall(matched[2])]
    if len(parts) > MAX_DEPTH:
        raise StripeError(f"Invalid parameter name: {name}", param=name)
    return parts


def _key(target: Wire, part: str) -> str:
    return part or str(len(target))
