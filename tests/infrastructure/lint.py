"""`python -m tests.infrastructure.lint`: runs every linter over its files and prints what each
reports."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from tests.infrastructure.deployments import ROOT, templates
from tests.infrastructure.texts import text_of
from tests.infrastructure.tools import tool

REGIONS = ("us-east-1", "eu-west-1")
_SECONDS = 600
_DOCKERFILE = ROOT / "docker" / "Dockerfile"
# checkov reports a base image in an argument as untagged; checks/image.py checks the argument.
_ARGUMENT_IS_NO_TAG = ("--skip-check", "CKV_DOCKER_7")
_QUIET = ("--skip-download", "--compact", "--quiet")


def cfn_lint_command(*templates: Path) -> list[str]:
    """With informational rules: one of them reports a missing DeletionPolicy."""
    return [
        str(Path(sys.executable).with_name("cfn-lint")),
        "-r",
        *REGIONS,
        "-c",
        "I",
        "-t",
        *map(str, templates),
    ]


def checkov_command(*files: Path) -> list[str]:
    """Templates and Dockerfiles in one run, for it takes seconds to start. Never connects to the
    maker's server. The templates give the reason for each skipped rule.

    To be run in the checkout: checkov takes a file's own name for a value of the template, and a
    name with exactly 40 letters and slashes in a row for an AWS secret access key (CKV_AWS_45).
    Where the checkout lies must not decide what it reports."""
    listed = [part for path in files for part in ("-f", os.path.relpath(path, ROOT))]
    frameworks = ("--framework", "cloudformation", "dockerfile")
    return [tool("checkov"), *listed, *frameworks, *_ARGUMENT_IS_NO_TAG, *_QUIET]


def linters() -> dict[str, Callable[[], list[str]]]:
    """Each linter by name, with a function that builds its command and may install it first."""
    return {
        "cfn-lint": lambda: cfn_lint_command(*joined_templates()),
        "checkov": lambda: checkov_command(*joined_templates(), _DOCKERFILE),
        "hadolint": lambda: [tool("hadolint"), "--failure-threshold", "info", str(_DOCKERFILE)],
        "shellcheck": lambda: [tool("shellcheck"), "--external-sources", *map(str, scripts())],
        "compose": lambda: [
            tool("docker-compose"),
            "-f",
            str(ROOT / "docker-compose.yml"),
            "config",
            "--quiet",
        ],
        "workflows": lambda: [
            tool("check-jsonschema"),
            "--builtin-schema",
            "vendor.github-workflows",
            *_workflows(),
        ],
    }


def joined_templates() -> list[Path]:
    """Every template as one file, as CloudFormation gets it."""
    return [joined_file(path, Path(_folder().name)) for path in templates()]


def joined_file(template: Path, folder: Path) -> Path:
    """The template in one file: itself, or a file in `folder` that is joined from its parts."""
    if template.is_file():
        return template
    made = folder / template.name
    made.write_text(text_of(template), encoding="utf-8")
    return made


def scripts() -> list[Path]:
    """Every shell script of the checkout, by its first line."""
    folders = (ROOT / ".ci", ROOT / "release", ROOT / "docker")
    files = [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]
    return [
        path
        for path in files
        if path.suffix == ".sh"
        or _first_line(path).startswith((b"#!/bin/sh", b"#!/usr/bin/env bash"))
    ]


def findings(command: Sequence[str]) -> str:
    """What the linter reports; empty when it finds nothing."""
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, cwd=ROOT, check=False
    )
    return (run.stdout + run.stderr).strip() or "failed" if run.returncode else ""


def main() -> int:
    complaints = {name: findings(command()) for name, command in linters().items()}
    for name, text in complaints.items():
        sys.stdout.write(f"{name}: {text or 'passed'}\n")
    return 1 if any(complaints.values()) else 0


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    """For joined templates; in the checkout, so that their names there have one length."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(dir=ROOT / ".cache")


def _workflows() -> list[str]:
    return sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))


def _first_line(path: Path) -> bytes:
    return path.read_bytes()[:60].partition(b"\n")[0]


if __name__ == "__main__":
    sys.exit(main())
