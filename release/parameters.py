"""Prints a stack's parameters as CloudFormation reads them: defaults of the stage, outputs of the data stack, and what the release decides.

Usage: parameters.py FILE PART [NAME=VALUE …] < outputs
`outputs` is the JSON list of the data stack's outputs (or nothing); only those named in PARAMETER_NAMES are taken. The file wins over
them, so that a restored table can be named there, and NAME=VALUE wins over both.
"""

import json
import os
import sys
from pathlib import Path


def merged(given: dict[str, str], outputs: list[dict[str, str]], decided: dict[str, str], names: set[str]) -> dict[str, str]:
    """Each parameter's value. Empty values of the file are kept: they say that something is to be filled in."""
    offered = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return {name: value for name, value in offered.items() if name in names} | given | decided


def main(path: str, part: str, *assignments: str) -> None:
    given: dict[str, str] = json.loads(Path(path).read_text(encoding="utf-8"))[part]
    text = "" if sys.stdin.isatty() else sys.stdin.read()
    outputs: list[dict[str, str]] = json.loads(text or "[]") or []
    names = set(os.environ.get("PARAMETER_NAMES", "").split())
    decided = dict(assignment.split("=", 1) for assignment in assignments)
    values = merged(given, outputs, decided, names)
    print(json.dumps([{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()], indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
