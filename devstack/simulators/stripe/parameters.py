"""The kinds of parameters, and how strictly Stripe reads them.

A kind makes values of the strings of a form, or raises `StripeError` with the parameter's full
name (`line_items[0][quantity]`)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from devstack.simulators.stripe.errors import invalid, missing_parameter, unknown_parameter
from devstack.simulators.stripe.wire import Wire

MAX_TEXT = 5_000
MAX_METADATA_KEYS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Kind(Protocol):
    """Reads one parameter."""

    def read(self, value: object, name: str) -> object: ...


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", name)
    return value


@dataclass(frozen=True)
class Text:
    """A string. An empty one unsets the value where `clearable`, and is refused elsewhere."""

    maximum: int = MAX_TEXT
    clearable: bool = False
    format: str = ""

    def read(self, value: object, name: str) -> str | None:
        text = _string(value, name)
        if not text:
            self._check_clearable(name)
            return None
        if len(text) > self.maximum:
            message = f"Invalid string: must be at most {self.maximum} characters"
            raise invalid(message, name, "parameter_invalid_string")
        self._check_format(text, name)
        return text

    def _check_clearable(self, name: str) -> None:
        if not self.clearable:
            message = f"You passed an empty string for '{name}', which cannot be unset."
            raise invalid(message, name, "parameter_invalid_empty")

    def _check_format(self, text: str, name: str) -> None:
        if self.format == "url" and not _URL.fullmatch(text):
            raise invalid("Not a valid URL", name, "url_invalid")
        if self.format == "email" and not _EMAIL.fullmatch(text):
            raise invalid(f"Invalid email address: {text}", name, "email_invalid")


@dataclass(frozen=True)
class Currency:
    """Three letters; lower case from here on."""

    def read(self, value: object, name: str) -> str:
        text = _string(value, name)
        if not _CURRENCY.fullmatch(text):
            raise invalid(f"Invalid currency: {text}", name)
        return text.lower()


@dataclass(frozen=True)
class Whole:
    """An integer within bounds."""

    minimum: int | None = None
    maximum: int | None = None

    def read(self, value: object, name: str) -> int:
        text = _string(value, name)
        if not _WHOLE.fullmatch(text):
            raise invalid(f"Invalid integer: {text}", name, "parameter_invalid_integer")
        number = int(text)
        if self.minimum is not None and number < self.minimum:
            message = f"This value must be greater than or equal to {self.minimum}."
            raise invalid(message, name, "parameter_invalid_integer")
        if self.maximum is not None and number > self.maximum:
            message = f"This value must be less than or equal to {self.maximum}."
            raise invalid(message, name, "parameter_invalid_integer")
        return number


@dataclass(frozen=True)
class Decimals:
    """A decimal number, kept as its text."""

    def read(self, value: object, name: str) -> str:
        text = _string(value, name)
        if not _DECIMAL.fullmatch(text):
            raise invalid(f"Invalid decimal: {text}", name)
        return text


@dataclass(frozen=True)
class Flag:
    """`true` or `false`."""

    def read(self, value: object, name: str) -> bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", name)
        return value == "true"


@dataclass(frozen=True)
class OneOf:
    """One of the words listed."""

    words: tuple[str, ...]
    clearable: bool = False

    def read(self, value: object, name: str) -> str | None:
        if value == "" and self.clearable:
            return None
        if value not in self.words:
            wanted = ", ".join(self.words)
            raise invalid(f"Invalid {name}: must be one of {wanted}", name)
        return str(value)


@dataclass(frozen=True)
class Either:
    """A string that the first kind reads, or else the second; or a structure for the second."""

    first: Kind
    second: Kind

    def read(self, value: object, name: str) -> object:
        if isinstance(value, dict) == isinstance(self.first, Fields):
            return self.first.read(value, name)
        return self.second.read(value, name)


@dataclass(frozen=True)
class WordOr:
    """The word, or what the other kind reads."""

    word: str
    other: Kind

    def read(self, value: object, name: str) -> object:
        return value if value == self.word else self.other.read(value, name)


@dataclass(frozen=True)
class Metadata:
    """Up to 50 keys of 40 characters with values of 500. An empty value removes its key."""

    clearable: bool = True

    def read(self, value: object, name: str) -> Mapping[str, str]:
        if value == "" and self.clearable:
            return {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", name)
        if len(value) > MAX_METADATA_KEYS:
            message = f"Metadata can have at most {MAX_METADATA_KEYS} keys."
            raise invalid(message, name)
        for key, text in value.items():
            self._check(key, text, f"{name}[{key}]")
        return value

    def _check(self, key: str, text: object, name: str) -> None:
        if len(key) > MAX_METADATA_KEY:
            message = f"Metadata keys can be at most {MAX_METADATA_KEY} characters."
            raise invalid(message, name)
        if not isinstance(text, str) or len(text) > MAX_METADATA_VALUE:
            message = f"Metadata values must be at most {MAX_METADATA_VALUE} characters."
            raise invalid(message, name)


@dataclass(frozen=True)
class ListOf:
    """A list; its elements are numbered from 0 without gaps."""

    element: Kind
    maximum: int = 100
    clearable: bool = False

    def read(self, value: object, name: str) -> list[object]:
        if value == "" and self.clearable:
            return []
        if not isinstance(value, dict) or set(value) != {str(i) for i in range(len(value))}:
            raise invalid("Invalid array", name)
        if len(value) > self.maximum:
            raise invalid(f"Array too long: at most {self.maximum} elements", name)
        return [
            self.element.read(value[str(index)], f"{name}[{index}]") for index in range(len(value))
        ]


@dataclass(frozen=True)
class Fields:
    """A structure with these parameters alone. Absent ones stay absent."""

    kinds: Mapping[str, Kind]
    required: frozenset[str] = frozenset()
    clearable: bool = field(default=False, kw_only=True)

    def read(self, value: object, name: str) -> Wire | None:
        if value == "" and self.clearable:
            return None
        if not isinstance(value, dict):
            raise invalid("Invalid object", name)
        for key in value:
            if key not in self.kinds:
                raise unknown_parameter(_inner(name, key))
        for key in sorted(self.required - value.keys()):
            raise missing_parameter(_inner(name, key))
        return {key: self.kinds[key].read(each, _inner(name, key)) for key, each in value.items()}


def _inner(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key


def fields(required: str = "", /, *, clearable: bool = False, **kinds: Kind) -> Fields:
    """A structure; `required` names its required parameters, separated by spaces."""
    return Fields(kinds, frozenset(required.split()), clearable=clearable)


def one_of(words: str, *, clearable: bool = False) -> OneOf:
    """One of the words, which are separated by spaces."""
    return OneOf(tuple(words.split()), clearable)


def merged(*groups: Fields) -> Fields:
    """One structure with the parameters of all."""
    kinds = {name: kind for group in groups for name, kind in group.kinds.items()}
    return Fields(kinds, frozenset(_all(group.required for group in groups)))


def _all(groups: Iterable[frozenset[str]]) -> Iterable[str]:
    for group in groups:
        yield from group
