"""Runs a release script with stand-ins for the programs that reach outside, and returns the calls
that it made, in order."""

import os
import pty
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tests.infrastructure.plain_python import plain_python

STAND_INS = ("aws", "docker", "curl", "git", "sleep")
MAX_SECONDS = 120
# Between a call and the content of a file that it names, in the notes of the stand-ins.
_CONTENT = "\x1f"
# What differs from run to run: names of temporary files, times, process ids and fresh keys.
_CHANGING = (
    (re.compile(r"TMP/tmp\.\w+"), "TMP/scratch"),
    (re.compile(r"release-\d{14}-\d+"), "release-TIME"),
    (re.compile(r"-check-\d{14}-\d+"), "-check-TIME"),
    (re.compile(r"/dev/fd/\d+"), "/dev/fd/N"),
    (re.compile(r"--start-time \d+"), "--start-time TIME"),
    (re.compile(r'"[\w-]{43,64}"'), '"FRESH"'),
    (re.compile(r'"kid": "[0-9a-f]{16}"'), '"kid": "FRESH"'),
    (re.compile(r"(Idle: +about) .*"), r"\1 …"),
    (re.compile(r"\b(c{40})-\d{14}"), r"\1-TIME"),
)
Responses = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Ran:
    """How a script ended, what it called, and what it printed and said. `contents` are those of
    the files that each call names, without what no one but CloudFormation reads: templates."""

    code: int
    calls: tuple[str, ...]
    printed: str
    said: str
    contents: tuple[str, ...] = ()

    def at(self, *words: str) -> list[int]:
        """The places of the calls that contain all these words."""
        return [
            place
            for place, call in enumerate(self.calls)
            if all(word in f"{call} " for word in words)
        ]

    def first(self, *words: str) -> int:
        """The place of the first such call. Raises `LookupError` where there is none."""
        places = self.at(*words)
        if not places:
            raise LookupError(f"no call has {words}: {self.said[-300:]}")
        return places[0]

    @property
    def transcript(self) -> str:
        """Everything that was called, written and read, without what differs from run to run."""
        lines = [f"exit {self.code}"]
        for call, content in zip(self.calls, self.contents, strict=True):
            lines += [f"  {call}", *([f"    with {content}"] if content else [])]
        lines += [f"  says   {line}" for line in self.said.splitlines()]
        lines += [f"  prints {line}" for line in self.printed.splitlines()]
        text = "\n".join(lines) + "\n"
        for pattern, name in _CHANGING:
            text = pattern.sub(name, text)
        return text


def run(
    root: Path,
    words: Sequence[str],
    responses: Responses,
    environment: Mapping[str, str],
    typed: str | None = None,
) -> Ran:
    """Runs `release/WORD …`. Each response is a pattern of the shell for a call, what it prints and
    its exit code (with an error, it is said instead); the first that fits counts, and a call
    without one prints nothing. After a change set has been executed, `[executed]` ends each call.
    `typed` is what someone types at a terminal; without it there is none."""
    texts = tuple(
        path.read_text(encoding="utf-8")
        for folder in ("release", "cloudformation/parameters")
        for path in sorted((root / folder).iterdir())
        if path.is_file()
    )
    checkout = _Checkout(str(root), texts)
    return _run(checkout, tuple(words), responses, tuple(sorted(environment.items())), typed)


@dataclass(frozen=True)
class _Checkout:
    """A checkout; two with the same texts are the same."""

    root: str = field(compare=False)
    texts: tuple[str, ...]


@lru_cache(maxsize=512)
def _run(
    checkout: _Checkout,
    words: tuple[str, ...],
    responses: Responses,
    environment: tuple[tuple[str, str], ...],
    typed: str | None,
) -> Ran:
    root = checkout.root
    with tempfile.TemporaryDirectory() as folder:
        calls = Path(folder) / "calls"
        calls.touch()
        bin_folder = Path(folder) / "bin"
        bin_folder.mkdir()
        for name in STAND_INS:
            (bin_folder / name).write_text(_stand_in(name, responses), encoding="utf-8")
            (bin_folder / name).chmod(0o755)
        plain_python(bin_folder)
        with _terminal(typed) as stdin:
            done = subprocess.run(
                ["bash", str(Path(root) / "release" / words[0]), *words[1:]],
                env={
                    "PATH": f"{bin_folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
                    "CALLS": str(calls),
                    "HOME": folder,
                    "TMPDIR": folder,
                    **dict(environment),
                },
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=MAX_SECONDS,
                check=False,
            )
        lines = _named(calls.read_text(encoding="utf-8"), folder, root).splitlines()
        said, printed = (_named(text, folder, root) for text in (done.stderr, done.stdout))
    notes = [line.partition(_CONTENT) for line in lines]
    made, contents = (tuple(note[part].strip() for note in notes) for part in (0, 2))
    return Ran(done.returncode, made, printed, said, contents)


def _named(text: str, folder: str, root: str) -> str:
    return text.replace(folder, "TMP").replace(root, "ROOT")


@contextmanager
def _terminal(typed: str | None) -> Iterator[int]:
    """Standard input: a terminal at which this has been typed, or nothing."""
    if typed is None:
        yield subprocess.DEVNULL
        return
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode())
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def _stand_in(name: str, responses: Responses) -> str:
    cases = "".join(
        f"{pattern}) printf '%s\\n' {shlex.quote(text)}{' >&2' if code else ''}; exit {code} ;;\n"
        for pattern, text, code in responses
    )
    return _STAND_IN.format(name=name, cases=cases)


# A line for each call, however its arguments are broken, with the content of each file that it
# names; a file may be a pipe that can be read only once. What comes through a pipe is read first:
# the call before it in the pipe has then been noted.
_STAND_IN = """#!/bin/bash
[ "$1" != login ] || cat >/dev/null
line="{name} $*" content=
for word; do
    case $word in
        file://*.yaml) ;;
        file://*) content+=" $(cat "${{word#file://}}")" ;;
    esac
done
line=${{line//$'\\n'/ }} content=${{content//$'\\n'/ }}
printf '%s\\x1f%s\\n' "$line" "$content" >>"$CALLS"
[ ! -e "$CALLS.executed" ] || line+=" [executed]"
case $line in *" execute-change-set "*) : >"$CALLS.executed" ;; esac
case "$line" in
{cases}esac
"""
