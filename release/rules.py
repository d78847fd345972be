"""Prints a template that has the parameters and the rules of another and makes nothing: what a
stage chooses can be tried with it before anything is made.

Usage: rules.py TEMPLATE PARAMETERS [EARLIER …]
TEMPLATE is joined already, PARAMETERS the JSON list of what will be given, EARLIER the templates of
the stacks before, each with its own PARAMETERS next to it (`.json`). What those hand on and have
not made yet has a value all the same, and takes any: every name of something made is one. A number
is no such name: it has its default. So has what an earlier stack will not hand on, because the
condition of its output does not hold.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

_SECTION = re.compile(r"^(\w+):\n((?:(?:  .*)?\n)*)", re.M)
_ENTRY = re.compile(r"^  (\w+):.*\n(?:(?:   .*)?\n)*", re.M)
_COUNTED = re.compile(r"Type: Number\b.*\bDefault:", re.S)
_DEFAULT = re.compile(r"\bDefault: (\"[^\"]*\"|[^,}\n]+)")
_CONDITION = re.compile(r"\bCondition: (\w+)")
# A part of an expression in one line, as all conditions are written.
_PART = re.compile(r"!\w+|[\[\],]|\"[^\"]*\"|[^\s\[\],]+")
_STAND_IN = "not made yet"
_NOT_MADE = f'  {{name}}: {{{{Type: String, Default: "{_STAND_IN}"}}}}\n'
# A resource that costs nothing, for a template must have one. It is never made either.
_NOTHING = "Resources:\n  Nothing: {Type: AWS::CloudFormation::WaitConditionHandle}\n"
Values = Mapping[str, str]


def section(template: str, name: str) -> str:
    """The entries of a section, read without a YAML parser: a fresh checkout has none."""
    return next((found[2] for found in _SECTION.finditer(template) if found[1] == name), "")


def entries(text: str) -> dict[str, str]:
    """The text of each entry of a section, by name."""
    return {found[1]: found[0] for found in _ENTRY.finditer(text)}


def rules_only(
    template: str, given: Iterable[str], earlier: Iterable[tuple[str, Values]] = ()
) -> str:
    """The template with its parameters and rules alone. `given` are the parameters that will have
    values, `earlier` the templates that hand on others, each with its values.

    Raises `ValueError` for a condition of these that is not understood here.
    """
    waiting = {name for text, values in earlier for name in handed_on(text, values)} - set(given)
    parameters = "".join(
        _NOT_MADE.format(name=name) if name in waiting and not _COUNTED.search(text) else text
        for name, text in entries(section(template, "Parameters")).items()
    )
    rules = section(template, "Rules")
    return (
        'AWSTemplateFormatVersion: "2010-09-09"\n'
        + f"Parameters:\n{parameters}"
        + (f"Rules:\n{rules}" if rules else "")
        + _NOTHING
    )


def handed_on(template: str, given: Values) -> set[str]:
    """The names of the outputs that a stack of the template will have with these parameters.

    Raises `ValueError` for a condition that is not understood here.
    """
    conditions = _Conditions(template, given)
    outputs = entries(section(template, "Outputs"))
    found = {name: _CONDITION.search(text) for name, text in outputs.items()}
    return {name for name, needed in found.items() if not needed or conditions.hold(needed[1])}


class _Conditions:
    """The conditions of a template. A parameter that has no value yet has a stand-in."""

    def __init__(self, template: str, given: Values) -> None:
        self._texts = entries(section(template, "Conditions"))
        self._values = {
            name: given.get(name, found[1].strip('"') if found else _STAND_IN)
            for name, text in entries(section(template, "Parameters")).items()
            for found in [_DEFAULT.search(text)]
        }

    def hold(self, name: str) -> bool:
        """Whether the condition of that name is true."""
        if name not in self._texts:
            raise ValueError(f"There is no condition {name}.")
        parts = iter(_PART.findall(self._texts[name].partition(":")[2]))
        return self._value(next(parts), parts) == str(True)

    def _value(self, part: str, parts: Iterator[str]) -> str:
        """The value that begins with a part, as text; `parts` are those after it."""
        if part == "!Ref":
            name = next(parts)
            if name not in self._values:
                raise ValueError(f"There is no parameter {name}.")
            return self._values[name]
        if part == "!Condition":
            return str(self.hold(next(parts)))
        if part in _FUNCTIONS:
            return _FUNCTIONS[part](self._list(parts))
        if part.startswith(("!", "[", "]", ",")):
            raise ValueError(f"{part} is not understood in a condition.")
        return part.strip('"')

    def _list(self, parts: Iterator[str]) -> list[str]:
        if next(parts) != "[":
            raise ValueError("A function takes a list in one line.")
        values, part = [], ","
        while part == ",":
            values.append(self._value(next(parts), parts))
            part = next(parts)
        return values


_FUNCTIONS: Mapping[str, Callable[[list[str]], str]] = {
    "!Equals": lambda values: str(values[0] == values[1]),
    "!Not": lambda values: str(values[0] != str(True)),
    "!And": lambda values: str(all(one == str(True) for one in values)),
    "!Or": lambda values: str(str(True) in values),
    # Of a list that is a parameter.
    "!Join": lambda values: values[1].replace(",", values[0]),
}


def _values(path: Path) -> dict[str, str]:
    listed = json.loads(path.read_text("utf-8"))
    return {one["ParameterKey"]: one["ParameterValue"] for one in listed}


def main(template: str, parameters: str, *earlier: str) -> None:
    before = [
        (Path(name).read_text("utf-8"), _values(Path(name).with_suffix(".json")))
        for name in earlier
    ]
    text = Path(template).read_text("utf-8")
    sys.stdout.write(rules_only(text, _values(Path(parameters)), before))


if __name__ == "__main__":
    main(*sys.argv[1:])
