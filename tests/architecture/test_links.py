"""Every link in a document resolves: relative paths exist, and so do the sections they name."""

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)(```+|~~~+).*?^ *\2", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(<?([^)<>\s]+)>?(?: \"[^\"]*\")?\)|(?:href|src)=\"([^\"]+)\"")
_MENTION = re.compile(r"\b(docs/[a-z-]+\.md)(#[A-Za-z0-9_-]+)?")
_PIPELINE = (".ci", ".github")
_INSTALLED = "node_modules"
_TEXT = (".py", ".yaml", ".yml", ".toml", ".md", ".html", ".example", "")
_EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def files(*suffixes: str) -> list[Path]:
    """The project's own files: no installed packages, and nothing in hidden folders but those of
    the pipeline."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [
            name
            for name in subfolders
            if name in _PIPELINE or (name[0] not in "._" and name != _INSTALLED)
        ]
        found += [Path(folder) / name for name in names if Path(name).suffix in suffixes]
    return sorted(found)


@cache
def anchors(document: Path) -> frozenset[str]:
    """The anchors of all headings, as GitHub makes them."""
    found: set[str] = set()
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    for heading in re.findall(r"^#{1,6} (.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = 0
        while (anchor := f"{slug}-{count}" if count else slug) in found:
            count += 1
        found.add(anchor)
    return frozenset(found)


def links(document: Path) -> list[str]:
    text = _CODE.sub("", _FENCE.sub("", document.read_text(encoding="utf-8")))
    found = [inline or html for inline, html in _LINK.findall(text)]
    return [link for link in found if not _EXTERNAL.match(link)]


def is_broken(document: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.is_relative_to(ROOT) or not target.exists():
        return True
    return bool(anchor) and (target.suffix != ".md" or anchor not in anchors(target))


@pytest.mark.parametrize("document", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_and_anchor_of_a_document_resolves(document: Path) -> None:
    assert [link for link in links(document) if is_broken(document, link)] == []


def test_every_document_that_code_templates_or_scripts_name_exists_with_the_section_named() -> None:
    named = [
        (path.relative_to(ROOT), "".join(mention))
        for path in files(*_TEXT)
        for mention in _MENTION.findall(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert len(named) > 50, "the alarms alone name more sections than that"
    assert [pair for pair in named if is_broken(ROOT / "README.md", pair[1])] == []


def test_every_document_is_reachable_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        reached.add(document)
        targets = {(document.parent / link.partition("#")[0]).resolve() for link in links(document)}
        waiting += [
            path
            for path in targets
            if path.suffix == ".md" and path.exists() and path not in reached
        ]
    assert set(files(".md")) - reached == set()


@pytest.mark.parametrize(
    "link", ["missing.md", "#no-such-section", "docs/errors.md" + "#no-such-section", "/etc/passwd"]
)
def test_a_link_that_leads_nowhere_is_noticed(link: str) -> None:
    assert is_broken(ROOT / "README.md", link)


def test_a_heading_has_the_anchor_that_github_makes_of_it(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# What's `new`?\n## Same\n## Same\n```sh\n# not a heading\n```\n")
    assert anchors(document) == {"whats-new", "same", "same-1"}
