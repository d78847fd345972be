"""Properties of a template as parameters of the service's own API, which says what is known and of
which type."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


class UnknownProperty(Exception):
    """The API knows no such property."""


def fitted(value: Any, shape: Shape, path: str = "") -> Any:
    """The value as the shape wants it: names in its spelling, scalars in its type, as
    CloudFormation itself does it. Raises `UnknownProperty`."""
    if isinstance(shape, StructureShape):
        return _structure(value, shape, path)
    if isinstance(shape, ListShape):
        return [fitted(part, shape.member, f"{path}[]") for part in value]
    if isinstance(shape, MapShape):
        return {
            str(name): fitted(part, shape.value, f"{path}.{name}") for name, part in value.items()
        }
    return _scalar(value, shape)


def _structure(value: Mapping[str, Any], shape: StructureShape, path: str) -> dict[str, Any]:
    known = {name.lower(): name for name in shape.members}
    unknown = [name for name in value if name.lower() not in known]
    if unknown:
        raise UnknownProperty(f"{path or shape.name} knows no {', '.join(sorted(unknown))}")
    names = {name: known[name.lower()] for name in value}
    return {
        names[name]: fitted(part, shape.members[names[name]], f"{path}.{name}")
        for name, part in value.items()
    }


def _scalar(value: Any, shape: Shape) -> Any:
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "blob":
        return str(value).encode()
    return str(value).lower() if isinstance(value, bool) else str(value)
