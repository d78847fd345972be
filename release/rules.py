"""Prints a template that has the parameters and the rules of another and makes nothing: what a
stage chooses can be tried with it before anything is made.

Usage: rules.py TEMPLATE PARAMETERS [EARLIER …]
TEMPLATE is joined already, PARAMETERS the JSON list of what will be given, EARLIER the templates of
the stacks before. What those hand on and have not made yet has a value all the same, and takes any:
every name of something made is one. A number is no such name: it has its default.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

_SECTION = re.compile(r"^(\w+):\n((?:(?:  .*)?\n)*)", re.M)
_ENTRY = re.compile(r"^  (\w+):.*\n(?:(?:   .*)?\n)*", re.M)
_COUNTED = re.compile(r"Type: Number\b.*\bDefault:", re.S)
_NOT_MADE = '  {name}: {{Type: String, Default: "not made yet"}}\n'
# A resource that costs nothing, for a template must have one. It is never made either.
_NOTHING = "Resources:\n  Nothing: {Type: AWS::CloudFormation::WaitConditionHandle}\n"


def section(template: str, name: str) -> str:
    """The entries of a section, read without a YAML parser: a fresh checkout has none."""
    return next((found[2] for found in _SECTION.finditer(template) if found[1] == name), "")


def entries(text: str) -> dict[str, str]:
    """The text of each entry of a section, by name."""
    return {found[1]: found[0] for found in _ENTRY.finditer(text)}


def rules_only(template: str, given: Iterable[str], earlier: Iterable[str]) -> str:
    """The template with its parameters and rules alone. `given` are the parameters that will have
    values, `earlier` the templates that hand on others."""
    waiting = {name for one in earlier for name in entries(section(one, "Outputs"))} - set(given)
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


def main(template: str, parameters: str, *earlier: str) -> None:
    given = [one["ParameterKey"] for one in json.loads(Path(parameters).read_text("utf-8"))]
    texts = [Path(name).read_text("utf-8") for name in (template, *earlier)]
    sys.stdout.write(rules_only(texts[0], given, texts[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
