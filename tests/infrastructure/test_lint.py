"""Every linter passes, and reports a file with a fault."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.lint import cfn_lint_command, checkov_command, findings, linters, scripts
from tests.infrastructure.tools import tool

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
# checkov takes this many letters and slashes in a row for an AWS secret access key.
SECRET_LETTERS = 40
BUCKET = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: {BucketEncrypted: true}
"""
# By the name of a file: what is wrong with it.
FAULTY: dict[str, tuple[dict[str, str], Callable[..., list[str]]]] = {
    "cfn-lint": ({"stack.yaml": BUCKET}, cfn_lint_command),
    "checkov": (
        {
            "stack.yaml": BUCKET.replace("BucketEncrypted: true", ""),
            "Dockerfile": "FROM python\nADD . /\n",
        },
        checkov_command,
    ),
    "hadolint": (
        {"Dockerfile": "FROM python\nRUN cd /\n"},
        lambda path: [tool("hadolint"), str(path)],
    ),
    "shellcheck": (
        {"script.sh": "#!/bin/sh\necho $1\n"},
        lambda path: [tool("shellcheck"), str(path)],
    ),
    "compose": (
        {"docker-compose.yml": "services: {web: {image: x, depends_on: [table]}}\n"},
        lambda path: [tool("docker-compose"), "-f", str(path), "config", "--quiet"],
    ),
    "workflows": (
        {"check.yml": "on: push\njobs: {check: {steps: []}}\n"},
        lambda path: [
            tool("check-jsonschema"),
            "--builtin-schema",
            "vendor.github-workflows",
            str(path),
        ],
    ),
}


@pytest.mark.parametrize("name", linters())
def test_every_linter_passes(name: str) -> None:
    found = findings(linters()[name]())
    assert not found, found


@pytest.mark.parametrize("name", linters())
def test_every_linter_reports_each_faulty_file(name: str, tmp_path: Path) -> None:
    texts, command = FAULTY[name]
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
    found = findings(command(*(tmp_path / file for file in texts)))
    assert found
    assert [file for file in texts if len(texts) > 1 and file not in found] == []


def test_no_name_of_a_file_is_long_enough_to_be_taken_for_a_secret() -> None:
    command = linters()["checkov"]()
    names = [after for part, after in pairwise(command) if part == "-f"]
    assert len(names) > len(list((ROOT / "cloudformation").glob("*.yaml")))
    assert [name for name in names if len(name) >= SECRET_LETTERS] == []


def test_every_script_of_the_release_is_linted() -> None:
    names = {path.name for path in scripts()}
    assert {"deploy", "rollback", "stage.sh", "run"} <= names
