"""Words that this code base does not use, and the plain ones it uses instead (CONTRIBUTING.md,
Words).

`python -m tests.architecture.words [path …]` lists every use below those paths.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("service", "devstack", "tests", "docker", "release")

# Parts of names (split at underscores and capitals) and words of prose.
EVERYWHERE = {
    "answer": "response, return",
    "answers": "returns, responses",
    "answered": "responded, returned",
    "answering": "responding",
    "arrivals": "requests being received",
    "ask": "request, query",
    "asked": "requested, queried",
    "asking": "requesting",
    "asks": "requests, queries",
    "belongings": "account records",
    "beside": "related, next to",
    "fate": "outcome",
    "gave": "returned, gave up",
    "gives": "returns",
    "hear": "receive",
    "heard": "received",
    "hears": "receives",
    "hub": "scheduler",
    "largest": "max",
    "longest": "max",
    "misfit": "type mismatch",
    "nobody": "no one",
    "patience": "timeout, wait limit",
    "spoilt": "invalid",
    "tell": "report, return",
    "telling": "reporting",
    "tells": "reports, says",
    "told": "reported, returned",
    "town": "live stack",
    "turns": "wallet locks",
    "unclear": "indeterminate",
    "weather": "fault schedule",
    "whence": "where from, origin",
}
# Parts of names only: in prose these are ordinary English.
NAMES = {
    "give": "return",
    "least": "min",
    "look": "read, fetch, snapshot",
    "looked": "read, fetched",
    "looks": "reads, fetches",
    "mark": "digest",
    "marks": "digests",
    "most": "max",
    "seen": "snapshot",
    "shortest": "min",
    "split": "allocation",
    "utils": "the thing's own name",
    "helpers": "the thing's own name",
    "manager": "the thing's own name",
}
# Names of other people's interfaces.
FOREIGN = {
    "SecretsManager",
    "split",
    "splitlines",
    "urlsplit",
    "rsplit",
    "SplitResult",
    "pytestmark",
}
_FOREIGN_ATTRIBUTES = {("pytest", "mark"), ("os.path", "split")}
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_WORDS = re.compile(r"[A-Za-z]+")


def uses(path: Path) -> Iterator[str]:
    """Each use in a Python file, as `file:line: word (write: …)`."""
    text = path.read_text(encoding="utf-8")
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    nodes = list(ast.walk(ast.parse(text)))
    for line, word in sorted({*_in_names(nodes), *_in_prose(text, nodes)}):
        instead = EVERYWHERE.get(word) or NAMES[word]
        yield f"{shown}:{line}: {word} (write: {instead})"


def _in_names(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Only names that the file itself binds: what it uses is another file's to rename."""
    banned = EVERYWHERE.keys() | NAMES.keys()
    for line, name in _bound_names(nodes):
        if name in FOREIGN:
            continue
        yield from ((line, part) for part in map(str.lower, _PARTS.findall(name)) if part in banned)


def _bound_names(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str() as name):
                yield getattr(node, "lineno", 0), name


def _in_prose(text: str, nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    for line, prose in (*_docstrings(nodes), *_comments(text)):
        for offset, row in enumerate(prose.splitlines()):
            # What stands in backticks or quotes is somebody's literal.
            plain = re.sub(r"`[^`]*`|\"[^\"]*\"", "", row)
            words = map(str.lower, _WORDS.findall(plain))
            yield from ((line + offset, word) for word in words if word in EVERYWHERE)


def _docstrings(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body[:1]:
                case [ast.Expr(value=ast.Constant(value=str() as text)) as first]:
                    yield first.lineno, text


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def files(paths: Iterable[str]) -> list[Path]:
    found = {
        file
        for path in paths
        for file in ([ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("*.py"))
    }
    return sorted(found - {Path(__file__)})


def main(paths: list[str]) -> int:
    lines = [use for file in files(paths or SOURCES) for use in uses(file)]
    sys.stdout.write("\n".join([*lines, f"{len(lines)} uses", ""]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
