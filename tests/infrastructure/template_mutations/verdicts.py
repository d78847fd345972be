"""Runs the checks, then the linters, on mutated sources."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tests.infrastructure.checks.everything import Check, checks
from tests.infrastructure.deployments import EVERYTHING, ROOT, Deployment, deployment
from tests.infrastructure.lint import cfn_lint_command, checkov_command
from tests.infrastructure.measure.noted import Notes, noting
from tests.infrastructure.measure.unread import known_keys, unknown_keys, unread
from tests.infrastructure.permissions import Call, faults
from tests.infrastructure.render import RenderError
from tests.infrastructure.template_mutations.mutation import TemplateMutation

# Production first: it has the strictest checks. Last choices that no stage makes by default.
_STAGED: tuple[tuple[str, dict[str, str]], ...] = (
    ("production", {}),
    ("dev", {}),
    ("staging", {}),
    ("staging", {"InterfaceEndpoints": "true"}),
    ("production", EVERYTHING),
)
_UNREADABLE = (
    LookupError,
    NameError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    RenderError,
    ArithmeticError,
)
_COPIED = (
    ".ci",
    ".dockerignore",
    ".env.example",
    ".github",
    "Makefile",
    "cloudformation",
    "docker",
    "docker-compose.yml",
    "docs",
    "release",
)


def copy_sources(folder: Path) -> Path:
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(ROOT / name, folder / name)
    for name in ("service/cli.py", "service/wsgi.py", "service/worker.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def apply(mutation: TemplateMutation, root: Path) -> None:
    """Changes the file. Raises `LookupError` when the text to replace is not there."""
    path = root / mutation.file
    path.write_text(mutated(mutation, path.read_text(encoding="utf-8")), encoding="utf-8")


def mutated(mutation: TemplateMutation, text: str) -> str:
    """The mutated text. Raises `LookupError` when the text to replace is not there."""
    if mutation.after and text.count(mutation.after) != 1:
        raise LookupError(
            f"{mutation.name}: {mutation.after.strip()} is not in {mutation.file} exactly once"
        )
    place = text.find(mutation.old, text.index(mutation.after) if mutation.after else 0)
    if place < 0:
        raise LookupError(f"{mutation.name}: {mutation.old[:60]!r} is not in {mutation.file}")
    return text[:place] + mutation.new + text[place + len(mutation.old) :]


def first_failing_check(
    root: Path, calls: Sequence[Call], known: frozenset[str] = frozenset()
) -> str | None:
    """The name of the first check that fails on the rendered templates.

    `calls` are the calls that each role needs. Checks in `known` fail without any mutation and do
    not count.
    """
    return next((name for name in failing_checks(root, calls) if name not in known), None)


def failing_checks(root: Path, calls: Sequence[Call]) -> Iterator[str]:
    """The names of the checks that fail, for every stage, and values and keys that none knows."""
    known = known_keys()
    for stage, chosen in _STAGED:
        try:
            staged = deployment(stage, root, **chosen)
        except (RenderError, yaml.YAMLError) as error:
            yield f"render: {str(error).splitlines()[0][:60]}"
            continue
        yield from _failing(staged, known)
        if chosen is EVERYTHING:
            # The calls were recorded without these choices.
            continue
        # Without the name of the resource, which differs between stages.
        yield from (
            f"roles: {fault.rpartition(' on ')[0]}" for fault in _role_faults(staged, calls)
        )


def _failing(staged: Deployment, known: dict[str, list[str]]) -> Iterator[str]:
    notes = Notes(set())
    noted = noting(staged, notes)
    yield from (name for name, check in checks().items() if _fails(check, noted))
    yield from (f"measure: no check reads {place}" for place in unread(staged, notes.read))
    yield from (f"measure: unknown key {place}" for place in unknown_keys(staged, known))


def first_linter_finding(root: Path, mutation: TemplateMutation) -> str | None:
    """The first rule of cfn-lint, then of checkov, that reports something."""
    if not mutation.file.endswith(".yaml"):
        return None
    path = root / mutation.file
    found = re.search(r"^([EWI]\d{4}) ", _output(cfn_lint_command(path)), re.MULTILINE)
    if found:
        return f"cfn-lint {found[1]}"
    found = re.search(r"(CKV2?_[A-Z0-9_]+)", _output(checkov_command(path)))
    return f"checkov {found[1]}" if found else None


def _fails(check: Check, staged: Deployment) -> bool:
    """A check that cannot even read the mutated template fails too."""
    try:
        return bool(list(check(staged)))
    except _UNREADABLE:
        return True


def _role_faults(staged: Deployment, calls: Sequence[Call]) -> list[str]:
    try:
        return faults(staged, calls)
    except _UNREADABLE as error:
        return [f"{type(error).__name__} while reading the roles"]


def _output(command: Sequence[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return run.stdout if run.returncode else ""
