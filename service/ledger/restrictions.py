"""Which operations the credits of a restricted lot may pay for, from the reviewed data file next to
this one. Pure but for reading that file once, when the process starts.

In a file of its own because it is data: a lot carries only the name of a restriction, and its item
the name's first letter, so that a wallet stays within 1 KB. A name is for ever."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

MAX_RESTRICTIONS = 4
_NAME = re.compile(r"[a-z]{1,8}")


def checked_restrictions(given: Mapping[str, list[str]]) -> Mapping[str, frozenset[str]]:
    """The operations by name of the restriction. Raises `ValueError`."""
    if len(given) > MAX_RESTRICTIONS:
        raise ValueError(f"there are at most {MAX_RESTRICTIONS} restrictions")
    if len({name[:1] for name in given}) < len(given):
        raise ValueError("two restrictions begin with the same letter")
    for name, operations in given.items():
        if not _NAME.fullmatch(name) or not operations:
            raise ValueError(f"restriction {name!r} has no usable name or no operation")
    return MappingProxyType({name: frozenset(each) for name, each in given.items()})


def read_restrictions() -> Mapping[str, frozenset[str]]:
    """Raises `ValueError` if the file is invalid."""
    file = resources.files("service.ledger").joinpath("restrictions.json")
    return checked_restrictions(json.loads(file.read_text(encoding="utf-8")))


RESTRICTIONS = read_restrictions()
_NAMES = {name[0]: name for name in RESTRICTIONS}


def open_to(operation: str) -> frozenset[str]:
    """The restrictions of the lots that may pay for it, "" (none) among them."""
    return frozenset(
        {"", *(name for name, operations in RESTRICTIONS.items() if operation in operations)}
    )


def packed(name: str) -> str:
    """A restriction as an item keeps it. One that this release does not know stays as it is."""
    return name[0] if name in RESTRICTIONS else name


def unpacked(text: str) -> str:
    """The inverse of `packed`."""
    return _NAMES.get(text, text)
