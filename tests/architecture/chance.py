"""What makes a test fail by chance.

A text that holds random ids or digests may hold any few of their letters, too; and a busy machine
may pause for a second anywhere.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# Of the ids' alphabet (service/core/ids.py), in which digests and amounts are written, too.
_IN_AN_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{1,4}")
_TEXTS = {"str", "repr", "dumps", "getvalue", "decode", "read", "read_text", "casefold", "lower"}
_TEXT_NAMES = {"text", "out", "err", "message", "data", "stdout", "stderr", "url"}
_REAL_CLOCKS = {"monotonic", "perf_counter", "time"}
MIN_SECONDS = 2.0
# Parsing all files takes seconds.
_MAY_HOLD = re.compile(r"not in |monotonic|perf_counter|time\.time|\.result\(|timeout=")


def found(source: str) -> Iterator[str]:
    """One line for each place of a test file, with its number."""
    if not _MAY_HOLD.search(source):
        return
    tree = ast.parse(source)
    numbers = _numbers(tree)
    for check in (node for node in ast.walk(tree) if isinstance(node, ast.Assert)):
        for compared in (node for node in ast.walk(check) if isinstance(node, ast.Compare)):
            if _is_short_and_absent(compared):
                yield f"{compared.lineno}: an id may hold {ast.unparse(compared.left)}"
            if _is_tight(compared, numbers):
                yield f"{compared.lineno}: {ast.unparse(compared)} on a busy machine"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if _ends_soon(call, numbers):
            yield f"{call.lineno}: {ast.unparse(call)} on a busy machine"


def _is_short_and_absent(compared: ast.Compare) -> bool:
    absent = isinstance(compared.ops[0], ast.NotIn) and isinstance(compared.left, ast.Constant)
    return absent and _is_part_of_an_id(compared.left) and _is_text(compared.comparators[0])


def _is_part_of_an_id(part: ast.expr) -> bool:
    value = part.value if isinstance(part, ast.Constant) else None
    return isinstance(value, str) and _IN_AN_ID.fullmatch(value) is not None


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _TEXTS
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _TEXT_NAMES
    return isinstance(node, ast.JoinedStr)


def _is_tight(compared: ast.Compare, numbers: dict[str, float]) -> bool:
    """Less real time than `MIN_SECONDS` is allowed to pass."""
    sides = [compared.left, *compared.comparators]
    for operator, smaller, limit in zip(compared.ops, sides, sides[1:], strict=False):
        if isinstance(operator, ast.Lt | ast.LtE) and _is_real_time(smaller):
            return _number(limit, numbers) < MIN_SECONDS
    return False


def _is_real_time(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left=ast.Call(func=ast.Attribute(value=clock, attr=name)), op=ast.Sub()):
            return name in _REAL_CLOCKS and ast.unparse(clock) in ("time", "SystemClock()")
    return False


def _ends_soon(call: ast.Call, numbers: dict[str, float]) -> bool:
    """Another thread or process has less than `MIN_SECONDS` for its result."""
    match call:
        case ast.Call(func=ast.Attribute(attr="result"), args=[limit]):
            return _number(limit, numbers) < MIN_SECONDS
        case ast.Call(func=ast.Attribute(attr="result" | "get"), keywords=[ast.keyword("timeout")]):
            return _number(call.keywords[0].value, numbers) < MIN_SECONDS
    return False


def _numbers(tree: ast.Module) -> dict[str, float]:
    """The constants of the module that are numbers."""
    found: dict[str, float] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = _number(value, found)
    return found


def _number(node: ast.expr, numbers: dict[str, float]) -> float:
    """Infinity for what is not known here."""
    unknown = float("inf")
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return numbers.get(name, unknown)
        case ast.BinOp(left=left, op=operator, right=right):
            one, other = _number(left, numbers), _number(right, numbers)
            if unknown in (one, other):
                return unknown
            match operator:
                case ast.Add():
                    return one + other
                case ast.Mult():
                    return one * other
                case ast.Div() if other:
                    return one / other
    return unknown


def files(root: Path) -> list[Path]:
    return sorted((root / "tests").rglob("test_*.py"))
