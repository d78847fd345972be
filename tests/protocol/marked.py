"""The tests that carry the marker of a rule, read from their source."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.protocol.rules import PARTS

ROOT = Path(__file__).parents[2]


def marked_tests(root: Path = ROOT) -> Mapping[str, list[str]]:
    """Rule id -> names of tests as pytest takes them, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((root / "tests").rglob("test_*.py")):
        for name, rules in _marked(file):
            for rule in rules:
                found[rule].append(f"{file.relative_to(root)}::{name}")
    return found


def _marked(file: Path) -> Iterator[tuple[str, list[str]]]:
    text = file.read_text(encoding="utf-8")
    if "mark.protocol(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            rules = [rule for each in node.decorator_list for rule in _rules(each)]
            if rules:
                yield node.name, rules


def _rules(decorator: ast.expr) -> list[str]:
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.protocol":
        return [str(ast.literal_eval(argument)) for argument in decorator.args]
    return []


def table() -> str:
    """One row a rule, with its tests."""
    found = marked_tests()
    lines = []
    for part in PARTS:
        lines += [f"| **{part.title}** | |"]
        lines += [f"| {rule.text} | {_shown(found.get(rule.id, []))} |" for rule in part.rules]
    return "\n".join(["| rule | tests that fail when it is broken |", "|---|---|", *lines])


def _shown(names: list[str]) -> str:
    return "<br>".join(
        f"[{name.partition('::')[2].removeprefix('test_')}](../{name.partition('::')[0]})"
        for name in names
    )
