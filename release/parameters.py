"""Prints the parameters of a stack in CloudFormation's format: those of the stage, the outputs of
the stacks before it, and the values that the release sets.

Usage: parameters.py cloudformation/parameters/STAGE.json TEMPLATE [NAME=VALUE …] < outputs
`outputs` are JSON lists of outputs, or nothing; those with the name of a parameter are used. The
file of the stage overrides them, so that it can name a restored table, and NAME=VALUE overrides
both. In that file a stack has its own section and, for parameters that it shares with others,
theirs.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_PARAMETERS = re.compile(r"^Parameters:\n(.*?)^\S", re.M | re.S)
_NAME = re.compile(r"^  (\w+):", re.M)
# Whose sections a stack reads besides its own.
_SHARED = {"service": ("base",), "identity": ("data", "base", "service")}


def parameter_names(template: str) -> set[str]:
    """The parameters that a template declares, read without a YAML parser: a fresh checkout has
    none."""
    found = _PARAMETERS.search(template)
    return set(_NAME.findall(found[1])) if found else set()


def chosen(file: dict[str, dict[str, str]], template: str, names: set[str]) -> dict[str, str]:
    """What the file of a stage chooses for the template of that name, which declares `names`."""
    sections = [file[section] for section in _SHARED.get(template, ())]
    shared = {name: value for section in sections for name, value in section.items()}
    return {name: value for name, value in shared.items() if name in names} | file[template]


def lists(text: str) -> Iterator[list[dict[str, str]]]:
    """The JSON lists that follow each other in a text; a stack without outputs has `null`."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        outputs, end = decoder.raw_decode(text)
        yield outputs or []
        text = text[end:]


def merged(
    stage: dict[str, str], outputs: list[dict[str, str]], decided: dict[str, str], names: set[str]
) -> dict[str, str]:
    """Each parameter's value. Unknown names in the file of the stage stay: CloudFormation refuses
    them."""
    offered = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return {name: value for name, value in offered.items() if name in names} | stage | decided


def main(stage_file: str, template_file: str, *assignments: str) -> None:
    template = Path(template_file)
    names = parameter_names(template.read_text(encoding="utf-8"))
    file: dict[str, dict[str, str]] = json.loads(Path(stage_file).read_text(encoding="utf-8"))
    outputs = [output for listed in lists(sys.stdin.read()) for output in listed]
    decided = dict(assignment.split("=", 1) for assignment in assignments)
    values = merged(chosen(file, template.stem, names), outputs, decided, names)
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    sys.stdout.write(json.dumps(listed, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
