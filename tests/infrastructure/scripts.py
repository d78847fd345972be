"""Runs a release script with stand-ins for the programs that reach outside, and returns the calls
that it made, in order."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

STAND_INS = ("aws", "docker", "curl", "git", "sleep")
MAX_SECONDS = 60
Responses = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Ran:
    """How a script ended, what it called, and what it printed and said."""

    code: int
    calls: tuple[str, ...]
    printed: str
    said: str

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


def run(
    root: Path,
    words: Sequence[str],
    responses: Responses,
    environment: Mapping[str, str],
) -> Ran:
    """Runs `release/WORD …`. Each response is a pattern of the shell for a call, what it prints and
    its exit code; the first that fits counts, and a call without one prints nothing."""
    texts = tuple(
        path.read_text(encoding="utf-8")
        for folder in ("release", "cloudformation/parameters")
        for path in sorted((root / folder).iterdir())
        if path.is_file()
    )
    checkout = _Checkout(str(root), texts)
    return _run(checkout, tuple(words), responses, tuple(sorted(environment.items())))


@dataclass(frozen=True)
class _Checkout:
    """A checkout; two with the same texts are the same."""

    root: str = field(compare=False)
    texts: tuple[str, ...]


@lru_cache(maxsize=256)
def _run(
    checkout: _Checkout,
    words: tuple[str, ...],
    responses: Responses,
    environment: tuple[tuple[str, str], ...],
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
        (bin_folder / "python3").symlink_to(sys.executable)
        done = subprocess.run(
            ["bash", str(Path(root) / "release" / words[0]), *words[1:]],
            env={
                "PATH": f"{bin_folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
                "CALLS": str(calls),
                "HOME": folder,
                "TMPDIR": folder,
                **dict(environment),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
        lines = calls.read_text(encoding="utf-8").replace(folder, "TMP").replace(root, "ROOT")
    return Ran(done.returncode, tuple(lines.splitlines()), done.stdout, done.stderr)


def _stand_in(name: str, responses: Responses) -> str:
    cases = "".join(
        f"{pattern}) printf '%s\\n' {shlex.quote(text)}; exit {code} ;;\n"
        for pattern, text, code in responses
    )
    # A line for each call, however its arguments are broken.
    note = f'line="{name} $*"\nprintf "%s\\n" "${{line//$\'\\n\'/ }}" >>"$CALLS"\n'
    drain = "[ -t 0 ] || cat >/dev/null\n" if name == "docker" else ""
    return f'#!/bin/bash\n{note}{drain}case "$line" in\n{cases}esac\n'
