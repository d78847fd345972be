"""Finds a piece of code by its shape inside a named function and puts another in its place.

Layout and comments do not matter, because the syntax tree is compared, not the text. A single
capital letter in a pattern stands for any expression (the same letter for the same expression), so
that a pattern names only what it is about."""

import ast
import copy
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_POSITIONS = {"ctx", "kind", "type_comment", "lineno", "col_offset", "end_lineno", "end_col_offset"}
_BLOCKS = ("body", "orelse", "finalbody", "handlers")
Bindings = dict[str, ast.expr]


@dataclass(frozen=True)
class Change:
    """`old` is found exactly once in `place`, and `new` takes its place.

    `place` is `package.module:Class.function` below `service`; nothing after the colon means the
    whole module. Both patterns are an expression, statements that follow one another, or an
    `except` clause; an empty `new` removes the statements."""

    place: str
    old: str
    new: str

    @property
    def file(self) -> str:
        return self.place.partition(":")[0].replace(".", "/") + ".py"

    @property
    def scope(self) -> str:
        return self.place.partition(":")[2]


@dataclass(frozen=True)
class _Match:
    nodes: Sequence[ast.AST]
    bound: Bindings


def rewrite(source: str, change: Change) -> str:
    """The source with the change made. Raises `LookupError` if the function does not exist, or the
    pattern fits nowhere or more than once."""
    scope = _scope(ast.parse(source), change)
    old, new = _pattern(change.old), _pattern(change.new)
    found = list(_matches(scope, old, new))
    if len(found) != 1:
        inside = ast.unparse(scope) if change.scope else "the module"
        raise LookupError(
            f"{change.place}: {change.old!r} fits {len(found)} times, not once, in:\n{inside}"
        )
    return _replaced(source, found[0], new)


def _scope(tree: ast.Module, change: Change) -> ast.AST:
    scope: ast.AST = tree
    for name in filter(None, change.scope.split(".")):
        named = [
            node
            for node in ast.iter_child_nodes(scope)
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
        ]
        if len(named) != 1:
            raise LookupError(f"{change.file} has no {change.scope}")
        scope = named[0]
    return scope


def _pattern(text: str) -> list[ast.AST]:
    code = textwrap.dedent(text).strip()
    if code.startswith("except"):
        [whole] = ast.parse(f"try:\n    pass\n{code}").body
        return [*whole.handlers]  # type: ignore[attr-defined]
    return [*ast.parse(code).body]


def _matches(scope: ast.AST, old: list[ast.AST], new: list[ast.AST]) -> Iterator[_Match]:
    match old, new:
        case [ast.Expr(pattern)], [ast.Expr()]:
            return _expressions(scope, pattern)
    return _statements(scope, old)


def _expressions(scope: ast.AST, pattern: ast.expr) -> Iterator[_Match]:
    for node in ast.walk(scope):
        bound: Bindings = {}
        if isinstance(node, ast.expr) and _fits(pattern, node, bound):
            yield _Match([node], bound)


def _statements(scope: ast.AST, pattern: list[ast.AST]) -> Iterator[_Match]:
    for node in ast.walk(scope):
        for block in (getattr(node, name, None) for name in _BLOCKS):
            if not isinstance(block, list):
                continue
            for start in range(len(block) - len(pattern) + 1):
                run, bound = block[start : start + len(pattern)], Bindings()
                if _fits(pattern, run, bound):
                    yield _Match(run, bound)


def _fits(pattern: object, node: object, bound: Bindings) -> bool:
    """Whether a node has the pattern's shape. `bound` receives what the letters stand for."""
    if isinstance(pattern, ast.Name) and _is_letter(pattern.id):
        if not isinstance(node, ast.expr):
            return False
        return _same(bound.setdefault(pattern.id, node), node)
    if isinstance(pattern, ast.AST):
        return type(pattern) is type(node) and all(
            _fits(value, getattr(node, name, None), bound)
            for name, value in ast.iter_fields(pattern)
            if name not in _POSITIONS
        )
    if isinstance(pattern, list):
        return (
            isinstance(node, list)
            and len(pattern) == len(node)
            and all(_fits(*pair, bound) for pair in zip(pattern, node, strict=True))
        )
    return type(pattern) is type(node) and pattern == node


def _is_letter(name: str) -> bool:
    return len(name) == 1 and name.isupper()


def _same(one: ast.expr, other: ast.expr) -> bool:
    return ast.unparse(one) == ast.unparse(other)


class _Filled(ast.NodeTransformer):
    """Puts what the letters stand for in their place."""

    def __init__(self, bound: Bindings) -> None:
        self._bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self._bound[node.id]) if _is_letter(node.id) else node


def _replaced(source: str, match: _Match, new: Sequence[ast.AST]) -> str:
    """Positions in a syntax tree count bytes of UTF-8."""
    lines = source.encode().splitlines(keepends=True)
    first, last = match.nodes[0], match.nodes[-1]
    start = _offset(lines, first.lineno, first.col_offset)  # type: ignore[attr-defined]
    end = _offset(lines, last.end_lineno, last.end_col_offset)  # type: ignore[attr-defined]
    filled = [_Filled(match.bound).visit(copy.deepcopy(node)) for node in new]
    if isinstance(first, ast.expr):
        text = f"({ast.unparse(filled[0])})"
    else:
        margin = " " * first.col_offset  # type: ignore[attr-defined]
        code = "\n".join(map(ast.unparse, filled)) or "pass"
        text = code.replace("\n", "\n" + margin)
    whole = b"".join(lines)
    return (whole[:start] + text.encode() + whole[end:]).decode()


def _offset(lines: Sequence[bytes], line: int, column: int) -> int:
    return sum(map(len, lines[: line - 1])) + column
