"""Runs the checks, then the linters, on mutated sources."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from tests.infrastructure.checks.everything import Check, checks
from tests.infrastructure.deployments import EVERYTHING, ROOT, Deployment, deployment
from tests.infrastructure.lint import cfn_lint_command, checkov_command, joined_file
from tests.infrastructure.measure.noted import Notes, noting
from tests.infrastructure.measure.unread import known_keys, unknown_keys, unread
from tests.infrastructure.permissions import Call, faults
from tests.infrastructure.render import RenderError
from tests.infrastructure.template_mutations.mutation import TemplateMutation
from tests.infrastructure.texts import text_of
from tests.infrastructure.tools import tool

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
# What else reads a file, for a mutation that no check has noticed.
_TESTED = {
    "docker-compose.yml": ("tests/docker/test_compose.py",),
    "release/": ("tests/release",),
}
_LINTERS: dict[str, Callable[[Path], list[str]]] = {
    "docker-compose.yml": lambda path: [
        *(tool("docker-compose"), "-f", str(path), "config", "--quiet")
    ],
    "release": lambda path: (
        [tool("shellcheck"), "--external-sources", str(path)]
        if path.suffix not in (".py", ".json")
        else []
    ),
    ".github": lambda path: [
        *(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path))
    ],
}
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
    for name in ("cli", "relay", "worker", "wsgi"):
        (folder / "service").mkdir(exist_ok=True)
        (folder / "service" / f"{name}.py").touch()
    return folder


def apply(mutation: TemplateMutation, root: Path) -> None:
    """Changes the file; a template that is in parts is joined first, and the parts are removed.

    Raises `LookupError` when the text to replace is not there.
    """
    path = root / mutation.file
    if not path.exists() and path.with_suffix("").is_dir():
        path.write_text(text_of(path), encoding="utf-8")
        shutil.rmtree(path.with_suffix(""))
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
    path = root / mutation.file
    command = _LINTERS.get(mutation.file.partition("/")[0])
    if command and _output(command(path)):
        return f"lint: {mutation.file}"
    if not mutation.file.startswith("cloudformation/") or path.suffix != ".yaml":
        return None
    if path.parent.name != "cloudformation":
        path = joined_file(path.parent.with_suffix(".yaml"), root)
    found = re.search(r"^([EWI]\d{4}) ", _output(cfn_lint_command(path)), re.MULTILINE)
    if found:
        return f"cfn-lint {found[1]}"
    found = re.search(r"(CKV2?_[A-Z0-9_]+)", _output(checkov_command(path)))
    return f"checkov {found[1]}" if found else None


def first_failing_test(folder: Path, mutation: TemplateMutation) -> str | None:
    """The first test that fails of those that read the file of a mutation outside the templates."""
    tests = next((tests for part, tests in _TESTED.items() if mutation.file.startswith(part)), None)
    if tests is None:
        return None
    checkout = folder / "checkout"
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)
    apply(mutation, checkout)
    found = _failing_tests(checkout, tests) - _failing_anyway(tests)
    return f"test {min(found)}" if found else None


@lru_cache(maxsize=8)
def _failing_anyway(tests: tuple[str, ...]) -> frozenset[str]:
    return _failing_tests(ROOT, tests)


def _failing_tests(checkout: Path, tests: tuple[str, ...]) -> frozenset[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    run = subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, timeout=600, check=False
    )
    return frozenset(re.findall(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE))


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
    """What a linter reports; empty when it finds nothing, or there is none."""
    if not command:
        return ""
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=ROOT, check=False
    )
    return (run.stdout + run.stderr or "failed") if run.returncode else ""
