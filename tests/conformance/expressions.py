"""Generated conditions and changes of items, with their placeholders."""

from random import Random
from typing import Any

from tests.conformance.values import Value, number, text, value

NAMES = ("status", "version", "count", "list", "facts", "tags", "Größe", "with.dot", "GSI1SK")
_COMPARED = ("=", "<>", "<", "<=", ">", ">=")
_TYPES = ("S", "N", "BOOL", "L", "M", "SS", "NS", "B", "BS", "NULL")


class Expressions:
    """The expressions of one request. They share their placeholders."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def placeholders(self) -> dict[str, Any]:
        """The parameters that declare what was used."""
        declared: dict[str, Any] = {}
        if self._names:
            declared["ExpressionAttributeNames"] = {
                place: name for name, place in self._names.items()
            }
        if self._values:
            declared["ExpressionAttributeValues"] = self._values
        return declared

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#n{len(self._names)}")

    def value(self, attribute: Value) -> str:
        place = f":v{len(self._values)}"
        self._values[place] = attribute
        return place

    def condition(self, depth: int = 0) -> str:
        """Holds for some items and not for others."""
        random = self._random
        if depth < 2 and random.random() < 0.3:
            one, other = self.condition(depth + 1), self.condition(depth + 1)
            return f"({one}) {random.choice(('AND', 'OR'))} ({other})"
        if random.random() < 0.1:
            return f"NOT ({self.condition(depth + 1)})"
        return self._clause(self.name(random.choice((*NAMES, "PK"))))

    def change(self) -> str:
        """An update expression of one to four attributes, each changed once."""
        names = self._random.sample(NAMES, self._random.randint(1, 4))
        parts: dict[str, list[str]] = {}
        for attribute in names:
            verb, clause = self._change_of(self.name(attribute))
            parts.setdefault(verb, []).append(clause)
        return " ".join(f"{verb} {', '.join(clauses)}" for verb, clauses in parts.items())

    def projection(self) -> str:
        """PK, and some other attributes."""
        names = self._random.sample(NAMES, self._random.randint(1, 3))
        return ", ".join(map(self.name, ("PK", *names)))

    def _clause(self, name: str) -> str:
        random = self._random
        match random.randrange(9):
            case 0 | 1:
                return f"attribute_not_exists({name})"
            case 2:
                return f"attribute_exists({name})"
            case 3:
                return f"{name} BETWEEN {self.value({'N': '-7'})} AND {self.value({'N': '40'})}"
            case 4:
                return f"begins_with({name}, {self.value({'S': text(random)})})"
            case 5:
                return f"attribute_type({name}, {self.value({'S': random.choice(_TYPES)})})"
            case 6:
                return f"size({name}) > {self.value({'N': str(random.randrange(4))})}"
            case 7:
                one, other = self.value(self._simple()), self.value(value(random))
                return f"{name} IN ({one}, {other})"
        return f"{name} {random.choice(_COMPARED)} {self.value(self._simple())}"

    def _change_of(self, name: str) -> tuple[str, str]:
        match self._random.randrange(8):
            case 0 | 1:
                return "REMOVE", name
            case 2 | 3:
                start, step = self.value({"N": "0"}), self.value(number(self._random))
                return "SET", f"{name} = if_not_exists({name}, {start}) + {step}"
            case 4:
                empty, more = self.value({"L": []}), self.value({"L": [value(self._random)]})
                return "SET", f"{name} = list_append(if_not_exists({name}, {empty}), {more})"
            case 5:
                return "ADD", f"{name} {self.value({'N': '2'})}"
        return "SET", f"{name} = {self.value(self._simple())}"

    def _simple(self) -> Value:
        if self._random.random() < 0.5:
            return self._random.choice(({"S": "open"}, {"N": "1"}, {"BOOL": True}))
        return value(self._random)
