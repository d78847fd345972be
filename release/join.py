"""Joins the parts of a template into one, and prints it; with --short in as few bytes as it takes.

Usage: join.py cloudformation/NAME.yaml [--short]

A template is that file or, where there is none, the parts `NAME/*.yaml`, one for each topic. Each
part is written like a template: its sections are joined, in the order of the names of the parts.
No two parts may declare the same name in a section.

What several places need is written once, as an entry of the section `Fragments` of any part, and
used by a line of one of these forms:

    Key: !Fragment Name     the fragment is the value
    - !Fragment Name        its items stand in place of this line
    <<: !Fragment Name      its keys stand in place of this line

A fragment may use others. Works without a YAML parser: a fresh checkout has none.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_PLAIN = ("AWSTemplateFormatVersion", "Description")
_NAMED = (
    *("Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs"),
    "Fragments",
)
_SECTION = re.compile(r"^(\w+):")
_ENTRY = re.compile(r"^  ([\w:]+):")
_USE = re.compile(r"^( *)(?:(- )?([\w\"]+: )|- |<<: )!Fragment (\w+)$")
Sections = dict[str, list[str]]


def text_of(path: Path) -> str:
    """The template, joined from its parts where it is in parts.

    Raises `ValueError` for parts that do not fit each other, `OSError` where there is no template.
    """
    return path.read_text(encoding="utf-8") if path.is_file() else joined(parts_of(path))


def parts_of(path: Path) -> tuple[str, ...]:
    """The texts of the parts of a template. Raises `OSError` where there is none."""
    parts = sorted(path.with_suffix("").glob("*.yaml"))
    if not parts:
        raise FileNotFoundError(f"There is neither {path} nor a part of it.")
    return tuple(part.read_text(encoding="utf-8") for part in parts)


def joined(parts: Iterable[str]) -> str:
    """One template of these parts. Raises `ValueError` for parts that do not fit each other."""
    sections: Sections = {}
    for part in parts:
        for name, lines in _sections(part).items():
            if name in _PLAIN and name in sections:
                raise ValueError(f"{name} stands in two parts.")
            sections.setdefault(name, lines[:1]).extend(lines[1:])
    for name in set(sections) - set(_PLAIN):
        _refuse_twice(name, sections[name])
    fragments = _fragments(sections.pop("Fragments", []))
    used: set[str] = set()
    lines = [
        line
        for name in (*_PLAIN, *_NAMED)
        for line in _expanded(sections.get(name, []), fragments, used, ())
    ]
    if set(fragments) - used:
        raise ValueError(f"No line uses the fragments {sorted(set(fragments) - used)}.")
    return "\n".join(lines) + "\n"


def short(template: str) -> str:
    """The same template in fewer bytes: without comments, each level indented by one space. Not for
    a template with text in several lines that are indented differently."""
    columns, shortened = [(0, 0)], []
    for line in template.splitlines():
        text = line.lstrip(" ")
        if not text or text.startswith("#"):
            continue
        column = len(line) - len(text)
        while columns[-1][0] > column:
            columns.pop()
        if columns[-1][0] < column:
            columns.append((column, columns[-1][1] + 1))
        shortened.append(" " * columns[-1][1] + text)
        # What an item of a list contains begins after its dash.
        while text.startswith("- "):
            text = text[2:]
            columns.append((columns[-1][0] + 2, columns[-1][1] + 2))
    return "\n".join(shortened) + "\n"


def _sections(part: str) -> Sections:
    """The lines of each section, its header first. Comments outside sections are left out."""
    found: Sections = {}
    lines: list[str] = []
    for line in part.splitlines():
        header = _SECTION.match(line)
        if header:
            if header[1] not in (*_PLAIN, *_NAMED) or header[1] in found:
                raise ValueError(f"{header[1]} is no section, or stands twice in a part.")
            lines = found.setdefault(header[1], [])
        if header or line.startswith(" "):
            lines.append(line)
    return found


def _refuse_twice(section: str, lines: Iterable[str]) -> None:
    names = [entry[1] for entry in map(_ENTRY.match, lines) if entry]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{section} declares twice: {', '.join(twice)}.")


def _fragments(lines: list[str]) -> Sections:
    """The lines of each fragment, without their indentation."""
    found: Sections = {}
    body: list[str] = []
    for line in lines[1:]:
        entry = _ENTRY.match(line)
        if entry:
            body = found.setdefault(entry[1], [])
        elif line.startswith("    "):
            body.append(line[4:])
    return found


def _expanded(
    lines: Iterable[str], fragments: Sections, used: set[str], within: tuple[str, ...]
) -> Iterator[str]:
    for line in lines:
        if "!Fragment" not in line:
            yield line
            continue
        use = _USE.match(line)
        if not use:
            raise ValueError(f"A fragment cannot stand here: {line.strip()}")
        indent, dash, key, name = use.groups()
        if name not in fragments or name in within:
            raise ValueError(f"{name} is no fragment, or contains itself.")
        used.add(name)
        if key:
            yield f"{indent}{dash or ''}{key.rstrip()}"
            indent += "  " + ("  " if dash else "")
        for one in _expanded(fragments[name], fragments, used, (*within, name)):
            yield indent + one


if __name__ == "__main__":
    try:
        text = text_of(Path(sys.argv[1]))
        sys.stdout.write(short(text) if sys.argv[2:] == ["--short"] else text)
    except ValueError as error:
        raise SystemExit(f"{sys.argv[1]}: {error}") from None
