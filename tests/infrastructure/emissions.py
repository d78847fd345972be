"""Reads from the source code which metrics it emits, and with which labels."""

import ast
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from service.core.metrics import Metric


@lru_cache(maxsize=1)
def emitted(root: Path) -> dict[str, set[frozenset[str]]]:
    """For each metric the sets of labels it is emitted with, besides stage and service. Every
    metric is emitted without labels too."""
    found: dict[str, set[frozenset[str]]] = defaultdict(set)
    for file in sorted((root / "service").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        # Most files emit nothing, and to parse them takes most of the time.
        for node in ast.walk(ast.parse(text)) if "Metric." in text else ():
            if isinstance(node, ast.Call) and node.args and _is_metric(node.args[0]):
                name = Metric[node.args[0].attr].value  # type: ignore[attr-defined]
                found[name] |= {
                    frozenset(),
                    frozenset(keyword.arg for keyword in node.keywords if keyword.arg),
                }
    return dict(found)


def _is_metric(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Metric"
    )
