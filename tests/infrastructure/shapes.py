"""Converts the properties of a template to parameters of the API of the service, whose model names
the known parameters and their types."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


class UnknownProperty(Exception):
    """The API has no such parameter."""


def fitted(value: Any, shape: Shape, path: str = "") -> Any:
    """The value in the form that the shape requires: names in its spelling and scalars in its type,
    as CloudFormation converts them. Raises `UnknownProperty`."""
    if isinstance(shape, StructureShape):
        return _structure(value, shape, path)
    if isinstance(shape, ListShape):
        return [fitted(part, shape.member, f"{path}[]") for part in value]
    if isinstance(shape, MapShape):
        return {
            str(name): fitted(part, shape.value, f"{path}.{name}") for name, part in value.items()
        }
    return _scalar(value, shape)


def without(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    """The properties except those named."""
    return {name: value for name, value in properties.items() if name not in names}


def renamed(properties: dict[str, Any], **names: str) -> dict[str, Any]:
    """The properties, with those in `names` under their new name."""
    return {names.get(name, name): value for name, value in properties.items()}


def _structure(value: Mapping[str, Any], shape: StructureShape, path: str) -> dict[str, Any]:
    known = {name.lower(): name for name in shape.members}
    unknown = [name for name in value if name.lower() not in known]
    if unknown:
        raise UnknownProperty(f"{path or shape.name} has no {', '.join(sorted(unknown))}")
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
