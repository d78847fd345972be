"""Documents that note which of their values are read.

A value counts as read when it is taken by its key, by its index, or from a list of plain values.
Whatever handles a whole tree without regard to what is in it does not count: a comparison of trees,
`json.dumps`, and the pairs or values of a dictionary.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import Stack

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Notes:
    """The paths of the values that were read."""

    read: set[Path]


class NotedDict(dict[str, Any]):
    """A dictionary that notes the plain values taken from it by their key."""

    def __init__(self, body: dict[str, Any], path: Path, notes: Notes) -> None:
        super().__init__({key: noted(value, (*path, key), notes) for key, value in body.items()})
        self._path, self._notes, self._body = path, notes, body
        self._unread = {key for key, value in body.items() if is_plain(value)}

    def __getitem__(self, key: str) -> Any:
        if key in self._unread:
            self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self:
            return default
        return self[key]

    def __eq__(self, other: object) -> bool:
        """Of a dictionary of plain values this reads them all, of any other nothing."""
        if all(is_plain(value) for value in self.values()):
            for key in self._unread.copy():
                self._note(key)
        return self._body == _without_notes(other)

    __hash__ = None  # type: ignore[assignment]

    def _note(self, key: str) -> None:
        self._unread.discard(key)
        self._notes.read.add((*self._path, key))


class NotedList(list[Any]):
    """A list that notes the plain values taken from it."""

    def __init__(self, body: list[Any], path: Path, notes: Notes) -> None:
        super().__init__(noted(value, (*path, place), notes) for place, value in enumerate(body))
        self._path, self._notes, self._body = path, notes, body
        self._unread = {place for place, value in enumerate(body) if is_plain(value)}

    def __getitem__(self, place: Any) -> Any:
        value = super().__getitem__(place)
        if isinstance(place, int):
            self._note(place % len(self))
        return value

    def __iter__(self) -> Iterator[Any]:
        return self._noting() if self._unread else super().__iter__()

    def _noting(self) -> Iterator[Any]:
        for place, value in enumerate(super().__iter__()):
            # json.dumps goes through every list.
            if sys._getframe(1).f_globals.get("__name__") != "json.encoder":
                self._note(place)
            yield value

    def __contains__(self, wanted: object) -> bool:
        return any(value == wanted for value in self)

    def __eq__(self, other: object) -> bool:
        """Of a list of plain values this reads them all, of any other nothing."""
        if all(is_plain(value) for value in self._body):
            for place in self._unread.copy():
                self._note(place)
        return self._body == _without_notes(other)

    __hash__ = None  # type: ignore[assignment]

    def _note(self, place: int) -> None:
        if place in self._unread:
            self._unread.discard(place)
            self._notes.read.add((*self._path, place))


def noted(value: Any, path: Path, notes: Notes) -> Any:
    """The document, in which every reading of a plain value is noted."""
    if isinstance(value, dict):
        return NotedDict(value, path, notes)
    if isinstance(value, list):
        return NotedList(value, path, notes)
    return value


def _without_notes(value: object) -> object:
    return value._body if isinstance(value, NotedDict | NotedList) else value


def is_plain(value: Any) -> bool:
    """Whether a value has no parts; an empty container is as plain as a number."""
    return not (isinstance(value, dict | list) and value)


def noting(deployment: Deployment, notes: Notes) -> Deployment:
    """The same deployment, whose resources and outputs note what is read of them."""

    def stack(name: str, made: Stack) -> Stack:
        return replace(
            made,
            resources=noted(dict(made.resources), (name, "resources"), notes),
            outputs=noted(dict(made.outputs), (name, "outputs"), notes),
        )

    return replace(
        deployment,
        data=stack("data", deployment.data),
        service=stack("service", deployment.service),
        account=stack("account", deployment.account),
    )


def values(deployment: Deployment) -> dict[Path, Any]:
    """Every plain value that CloudFormation acts upon, by its path."""
    found: dict[Path, Any] = {}
    stacks = {"data": deployment.data, "service": deployment.service, "account": deployment.account}
    for name, stack in stacks.items():
        for key, resource in stack.resources.items():
            for part in ("Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"):
                if part in resource:
                    found |= dict(_plain(resource[part], (name, "resources", key, part)))
        found |= dict(_plain(dict(stack.outputs), (name, "outputs")))
    return found


def _plain(value: Any, path: Path) -> Iterable[tuple[Path, Any]]:
    if is_plain(value):
        yield path, value
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _plain(part, (*path, key))
