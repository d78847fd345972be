"""Writes as values: what is to change, and under which condition. Building one sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.storage.codec import Item, Value, encode, encode_item
from service.storage.keys import Key


@dataclass(frozen=True)
class When:
    """A condition; all parts must hold. `equals` compares exactly, and None there means that the
    attribute is absent; `below` holds for an absent attribute too."""

    equals: Mapping[str, Value] = field(default_factory=dict)
    below: Mapping[str, int] = field(default_factory=dict)


ABSENT = When(equals={"PK": None})
# No condition: whatever lies there is replaced.
REPLACE = When()


@dataclass(frozen=True)
class Put:
    """A new item."""

    key: Key
    item: Item
    when: When = ABSENT


@dataclass(frozen=True)
class Update:
    """Sets, removes or counts up the named attributes of one item and leaves all others alone."""

    key: Key
    when: When
    set: Item = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    increment: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Delete:
    """Takes an item away. Only an erasure and an operator's repair do that."""

    key: Key
    when: When


Write = Put | Update | Delete


class _Expression:
    """Collects the placeholders of one request."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        return self._placeholders.setdefault(attribute, f"#{len(self._placeholders)}")

    def names(self) -> dict[str, str]:
        return {placeholder: attribute for attribute, placeholder in self._placeholders.items()}

    def value(self, value: Value) -> str:
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = encode(value)
        return placeholder

    def condition(self, when: When) -> str:
        clauses = [self._equal(attribute, value) for attribute, value in when.equals.items()]
        for attribute, bound in when.below.items():
            name = self.name(attribute)
            clauses.append(f"(attribute_not_exists({name}) OR {name} < {self.value(bound)})")
        return " AND ".join(clauses)

    def _equal(self, attribute: str, value: Value) -> str:
        if value is None:
            return f"attribute_not_exists({self.name(attribute)})"
        return f"{self.name(attribute)} = {self.value(value)}"

    def change(self, update: Update) -> str:
        sets = [f"{self.name(name)} = {self.value(value)}" for name, value in update.set.items()]
        for attribute, step in update.increment.items():
            name = self.name(attribute)
            sets.append(f"{name} = if_not_exists({name}, {self.value(0)}) + {self.value(step)}")
        parts = [f"SET {', '.join(sets)}"] if sets else []
        if update.remove:
            parts.append(f"REMOVE {', '.join(self.name(name) for name in update.remove)}")
        return " ".join(parts)


def request(table_name: str, write: Write) -> tuple[str, dict[str, Any]]:
    """A write as DynamoDB's own parameters: ("Put", "Update" or "Delete", parameters); the response
    contains the old item if the condition fails."""
    expression = _Expression()
    parameters: dict[str, Any] = {
        "TableName": table_name,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if isinstance(write, Put):
        parameters["Item"] = encode_item({**write.key.attributes(), **write.item})
    else:
        parameters["Key"] = encode_item(write.key.attributes())
    if isinstance(write, Update):
        parameters["UpdateExpression"] = expression.change(write)
    if condition := expression.condition(write.when):
        parameters["ConditionExpression"] = condition
    if names := expression.names():
        parameters["ExpressionAttributeNames"] = names
    if expression.values:
        parameters["ExpressionAttributeValues"] = expression.values
    return type(write).__name__, parameters
