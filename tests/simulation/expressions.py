"""DynamoDB's expression language as far as the service writes it. Whatever is not understood is
refused, never guessed.

Grammar: conditions of `AND`, `OR`, parentheses, `attribute_not_exists(path)`, `path = value`, `path
< value`; updates of `SET path = operand [+ operand], …` and `REMOVE path, …`, where an operand is a
value, a path or `if_not_exists(path, value)`; key conditions of `PK = value` and at most one
`begins_with(SK, value)` or `SK <= value`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Attributes = Mapping[str, Any]
Condition = Callable[[Attributes, "Words"], bool]
Operand = Callable[[Attributes, "Words"], Any]

_TOKEN = re.compile(r"\s*(?:(#\w+|:\w+|[A-Za-z_]\w*)|(<=|[=<>(),+]))")
_FUNCTIONS = ("attribute_not_exists", "if_not_exists", "begins_with")
_WORDS = ("AND", "OR", "SET", "REMOVE", *_FUNCTIONS)


class InvalidRequest(Exception):
    """What DynamoDB rejects with a `ValidationException`."""


class NotUnderstood(Exception):
    """Valid or not, the service was never seen to write this: the model has to grow before it can
    judge."""


class Words:
    """The placeholders of one request, and which of them were used."""

    def __init__(self, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self.names = names
        self.values = values

    def name(self, placeholder: str) -> str:
        if placeholder[0] != "#":
            return placeholder
        if placeholder not in self.names:
            raise InvalidRequest(f"name {placeholder} is not defined")
        return self.names[placeholder]

    def value(self, placeholder: str) -> Any:
        if placeholder not in self.values:
            raise InvalidRequest(f"value {placeholder} is not defined")
        return self.values[placeholder]


@dataclass(frozen=True)
class Parsed:
    """A parsed expression and the placeholders it uses."""

    tree: Any
    names: frozenset[str]
    values: frozenset[str]


@dataclass(frozen=True)
class Change:
    """A parsed update: what is set to what, and what goes."""

    sets: tuple[tuple[str, Operand], ...]
    removes: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """A parsed key condition: the partition's attribute and value, and the test of the sort key, if
    any."""

    partition: tuple[str, str]
    sort: tuple[str, str, str] | None


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise NotUnderstood(text)
            self.tokens.append(match[1] or match[2])
            at = match.end()
        self.text = text
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise NotUnderstood(f"{self.text} at {token!r}")
        self.place += 1
        return token

    def accept(self, token: str) -> bool:
        found = self.peek() == token
        self.place += found
        return found

    def path(self) -> str:
        token = self.take()
        if token[0] == ":" or not (token[0] == "#" or token.isidentifier()) or token in _WORDS:
            raise NotUnderstood(f"{self.text} at {token!r}")
        return token

    def value(self) -> str:
        token = self.take()
        if token[0] != ":":
            raise NotUnderstood(f"{self.text} at {token!r}")
        return token

    def parsed(self, tree: Any) -> Parsed:
        if self.peek():
            raise NotUnderstood(f"{self.text} at {self.peek()!r}")
        names = frozenset(token for token in self.tokens if token[0] == "#")
        return Parsed(tree, names, frozenset(token for token in self.tokens if token[0] == ":"))


@lru_cache(maxsize=4096)
def condition(text: str) -> Parsed:
    reader = _Reader(text)
    return reader.parsed(_any_of(reader))


@lru_cache(maxsize=4096)
def change(text: str) -> Parsed:
    reader = _Reader(text)
    sets: list[tuple[str, Operand]] = []
    removes: list[str] = []
    if reader.accept("SET"):
        sets.append(_assignment(reader))
        while reader.accept(","):
            sets.append(_assignment(reader))
    if reader.accept("REMOVE"):
        removes.append(reader.path())
        while reader.accept(","):
            removes.append(reader.path())
    return reader.parsed(Change(tuple(sets), tuple(removes)))


@lru_cache(maxsize=64)
def key_condition(text: str) -> Parsed:
    reader = _Reader(text)
    name = reader.path()
    reader.take("=")
    partition, sort = (name, reader.value()), None
    if reader.accept("AND"):
        if reader.accept("begins_with"):
            reader.take("(")
            path = reader.path()
            reader.take(",")
            sort = (path, "begins_with", reader.value())
            reader.take(")")
        else:
            path = reader.path()
            reader.take("<=")
            sort = (path, "<=", reader.value())
    return reader.parsed(Range(partition, sort))


def _any_of(reader: _Reader) -> Condition:
    parts = [_all_of(reader)]
    while reader.accept("OR"):
        parts.append(_all_of(reader))
    if len(parts) == 1:
        return parts[0]
    return lambda item, words: any(part(item, words) for part in parts)


def _all_of(reader: _Reader) -> Condition:
    parts = [_clause(reader)]
    while reader.accept("AND"):
        parts.append(_clause(reader))
    if len(parts) == 1:
        return parts[0]
    return lambda item, words: all(part(item, words) for part in parts)


def _clause(reader: _Reader) -> Condition:
    if reader.accept("("):
        inner = _any_of(reader)
        reader.take(")")
        return inner
    if reader.accept("attribute_not_exists"):
        reader.take("(")
        path = reader.path()
        reader.take(")")
        return lambda item, words: words.name(path) not in item
    path = reader.path()
    if reader.accept("="):
        value = reader.value()
        return lambda item, words: item.get(words.name(path)) == words.value(value)
    reader.take("<")
    value = reader.value()
    return lambda item, words: _below(item.get(words.name(path)), words.value(value))


def _below(found: Any, bound: Any) -> bool:
    if "N" not in bound:
        raise NotUnderstood("only numbers are compared by size")
    return found is not None and "N" in found and int(found["N"]) < int(bound["N"])


def _assignment(reader: _Reader) -> tuple[str, Operand]:
    path = reader.path()
    reader.take("=")
    first = _operand(reader)
    if not reader.accept("+"):
        return path, first
    second = _operand(reader)
    return path, lambda item, words: {
        "N": str(_number(first(item, words)) + _number(second(item, words)))
    }


def _operand(reader: _Reader) -> Operand:
    if reader.accept("if_not_exists"):
        reader.take("(")
        path = reader.path()
        reader.take(",")
        value = reader.value()
        reader.take(")")
        return lambda item, words: item.get(words.name(path)) or words.value(value)
    if reader.peek().startswith(":"):
        value = reader.value()
        return lambda item, words: words.value(value)
    path = reader.path()
    return lambda item, words: _existing(item, words.name(path))


def _existing(item: Attributes, name: str) -> Any:
    if name not in item:
        raise InvalidRequest("the item has no such attribute")
    return item[name]


def _number(attribute: Any) -> int:
    if "N" not in attribute:
        raise InvalidRequest("an operand is not a number")
    return int(attribute["N"])
