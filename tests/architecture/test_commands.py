"""The commands, targets and scripts that documents name exist, with the options named."""

import re
from pathlib import Path

import click
import pytest

from service.app import FEATURES
from tests.architecture.test_links import ROOT, files

_FENCE = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_BEGINS = re.compile(r"(?:\bfarebox |COMMAND=[\"']?|release/operate )([a-z][a-z-]*)")
_BARE = re.compile(r"([a-z]+(?:-[a-z]+)*)(?= (?:--|[A-Z]{2}))")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_TARGET = re.compile(r"\bmake (?:-s )?([a-z][a-z-]+)")
_WORD = re.compile(r"(?<![\w/-])[a-z]+(?:-[a-z]+)*(?![\w/-])")
_SCRIPT = re.compile(r"\brelease/([a-z_]+(?:\.\w+)?)")

COMMANDS = {
    str(command.name): command
    for feature in FEATURES
    for commands in feature.commands.values()
    for command in commands
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code_of(text: str) -> list[str]:
    """Every line of a block and every span, one command a line, without comments."""
    blocks = "\n".join(_FENCE.findall(text)).replace("\\\n", " ").splitlines()
    spans = (" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", text)))
    return [re.sub(r"(^|\s)#.*", "", line) for line in (*blocks, *spans)]


def unknown_in(line: str) -> list[str]:
    """What a line of code names and is not there."""
    unknown = [f"make {name}" for name in _TARGET.findall(line) if name not in TARGETS]
    scripts = _SCRIPT.findall(line)
    unknown += [f"release/{name}" for name in scripts if not (ROOT / "release" / name).exists()]
    begun = list(_BEGINS.finditer(line)) or [each for each in [_BARE.match(line)] if each]
    for number, found in enumerate(begun):
        command = COMMANDS.get(found[1])
        if command is None:
            unknown += [found[1]] if found.re is _BEGINS else []
            continue
        end = begun[number + 1].start() if number + 1 < len(begun) else len(line)
        known = options_of(command)
        unknown += [
            f"{found[1]} {option}"
            for option in _OPTION.findall(line[found.end() : end])
            if option not in known
        ]
    return unknown


def options_of(command: click.Command) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize("document", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    lines = code_of(document.read_text(encoding="utf-8"))
    assert [each for line in lines for each in unknown_in(line)] == []


def test_the_runbook_names_every_command() -> None:
    """In an incident, `farebox --help` is not where an operator begins."""
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    elsewhere = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    named = {word for line in code_of(runbook + elsewhere) for word in _WORD.findall(line)}
    assert COMMANDS.keys() - named == set()


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("farebox repair", ["repair"]),
        ("farebox audit --fix", ["audit --fix"]),
        ('make operate STAGE=dev COMMAND="grant ann 5 --why x"', ["grant --why"]),
        ("refund PAYMENT --percent 5", ["refund --percent"]),
        ("make no-such-target", ["make no-such-target"]),
        ("release/no_such_script", ["release/no_such_script"]),
        ("STAGE=dev release/pause", []),
        ("farebox prices OPERATION; farebox price OPERATION 2 --at TIME", []),
        ("docker run --rm farebox audit --repair --yes", []),
    ],
)
def test_what_is_not_there_is_noticed(line: str, unknown: list[str]) -> None:
    assert unknown_in(line) == unknown
