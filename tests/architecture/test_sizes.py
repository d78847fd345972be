"""Nothing grows beyond its size, nothing is called after nothing, and every package says what it is
for."""

import ast
from pathlib import Path

from tests.architecture.words import SOURCES

SERVICE = Path(__file__).parents[2] / "service"


def _all_files() -> list[Path]:
    """Every Python file of the repository."""
    root = SERVICE.parent
    return [file for folder in SOURCES for file in sorted((root / folder).rglob("*.py"))]


def _shown(file: Path) -> str:
    return str(file.relative_to(SERVICE.parent))


def test_nothing_is_called_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [str(path) for path in SERVICE.rglob("*") if path.stem in vague] == []


def test_every_package_says_what_it_owns_and_what_it_must_not_know() -> None:
    wrong = []
    for file in SERVICE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(file.read_text())) or ""
        owns, _, limits = text.partition("\n\n")
        if not owns.endswith(".") or not limits.endswith(".") or len(text.splitlines()) > 4:
            wrong.append(str(file.relative_to(SERVICE)))
    assert wrong == []


def test_files_keep_their_length() -> None:
    wrong = [
        f"{_shown(file)}: {lines} lines"
        for file in _all_files()
        if (lines := len(file.read_text().splitlines())) > 400
    ]
    assert wrong == []


def test_functions_keep_their_length() -> None:
    wrong = [
        f"{_shown(file)}:{node.name} has {length} lines"
        for file in _all_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > 50
    ]
    assert wrong == []


def test_lines_keep_their_width() -> None:
    """Also in long strings, and where the linter is silenced."""
    wrong = [
        f"{_shown(file)}:{number}"
        for file in _all_files()
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > 100
    ]
    assert wrong == []
