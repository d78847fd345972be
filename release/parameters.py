"""Prints the parameters of a stack in CloudFormation's format: those of the stage, the outputs of
the data stack, and the values that the release sets.

Usage: parameters.py cloudformation/parameters/STAGE.json TEMPLATE [NAME=VALUE …] < outputs
`outputs` is the JSON list of the outputs of the data stack, or nothing; those with the name of a
parameter are used. The file of the stage overrides them, so that it can name a restored table, and
NAME=VALUE overrides both.
"""

import json
import re
import sys
from pathlib import Path

_PARAMETERS = re.compile(r"^Parameters:\n(.*?)^\S", re.M | re.S)
_NAME = re.compile(r"^  (\w+):", re.M)


def parameter_names(template: str) -> set[str]:
    """The parameters that a template declares, read without a YAML parser: a fresh checkout has
    none."""
    found = _PARAMETERS.search(template)
    return set(_NAME.findall(found[1])) if found else set()


def merged(
    stage: dict[str, str], outputs: list[dict[str, str]], decided: dict[str, str], names: set[str]
) -> dict[str, str]:
    """Each parameter's value. Unknown names in the file of the stage stay: CloudFormation refuses
    them."""
    offered = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return {name: value for name, value in offered.items() if name in names} | stage | decided


def main(stage_file: str, template_file: str, *assignments: str) -> None:
    template = Path(template_file)
    stage: dict[str, str] = json.loads(Path(stage_file).read_text(encoding="utf-8"))[template.stem]
    outputs: list[dict[str, str]] = json.loads(sys.stdin.read() or "[]") or []
    decided = dict(assignment.split("=", 1) for assignment in assignments)
    values = merged(stage, outputs, decided, parameter_names(template.read_text(encoding="utf-8")))
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    sys.stdout.write(json.dumps(listed, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
