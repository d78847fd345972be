"""Python values as DynamoDB's typed attributes and back. A number is an `int`, or a `Decimal` where
it is not whole; a float anywhere is a mistake."""

import base64
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Value = (
    str
    | int
    | Decimal
    | bool
    | bytes
    | tuple["Value", ...]
    | Mapping[str, "Value"]
    | frozenset[str]
    | None
)
Item = Mapping[str, Value]
RawItem = Mapping[str, Mapping[str, Any]]
"""An item in DynamoDB's own types."""

_NOTHING: frozenset[str] = frozenset()


def encode(value: Value) -> dict[str, Any]:
    """One value with its type. Raises `TypeError` for what has no exact counterpart (floats above
    all)."""
    if isinstance(value, str):
        # A plain string also for a member of an enum, as DynamoDB returns it.
        return {"S": str(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Decimal) and value.is_finite():
        return {"N": f"{value:f}"}
    if isinstance(value, tuple):
        return {"L": [encode(part) for part in value]}
    if isinstance(value, frozenset) and value:
        return {"SS": sorted(value)}
    if isinstance(value, bytes):
        # In JSON, DynamoDB's binary values are base64.
        return {"B": base64.b64encode(value).decode()}
    # Whether something is any other mapping takes ten times as long to find out.
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101
        return {"M": encode_item(value)}
    raise TypeError(f"{type(value).__name__} cannot be stored")


def encode_item(item: Item) -> dict[str, Any]:
    """An item; attributes that are None or an empty set are left out."""
    return {
        name: encode(value)
        for name, value in item.items()
        if value is not None and value != _NOTHING
    }


def decode(attribute: Mapping[str, Any]) -> Value:
    """The inverse of `encode`. Raises `TypeError` for a type we never write."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value  # type: ignore[no-any-return]
        case "N":
            return _number(value)
        case "L":
            return tuple(decode(part) for part in value)
        case "SS":
            return frozenset(value)
        case "B":
            return base64.b64decode(value, validate=True)
        case "M":
            return decode_item(value)
    raise TypeError(f"attribute type {kind} is not one of ours")


def whole_number(value: object) -> int:
    """That value, which must be a whole number. Raises `ValueError` for anything else."""
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def _number(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None


def decode_item(attributes: RawItem) -> dict[str, Value]:
    return {name: decode(attribute) for name, attribute in attributes.items()}
