"""Which proofs have passed for a commit, so that a run can be taken up again where it broke off."""

import json
import subprocess
from pathlib import Path


class Record:
    """A file that names one commit and what passed for it. A checkout with changes has no record:
    nothing says that the same code ran."""

    def __init__(self, file: Path, commit: str) -> None:
        self._file = file
        self._commit = commit

    def passed(self) -> frozenset[str]:
        if not self._commit or not self._file.exists():
            return frozenset()
        content = json.loads(self._file.read_text())
        return frozenset(content["passed"] if content["commit"] == self._commit else ())

    def add(self, name: str) -> None:
        if self._commit:
            names = sorted(self.passed() | {name})
            self._file.write_text(json.dumps({"commit": self._commit, "passed": names}))


def commit_of(checkout: Path) -> str:
    """The checked-out commit; empty if tracked files differ from it, or without Git."""
    try:
        if _git(checkout, "status", "--porcelain", "--untracked-files=no"):
            return ""
        return _git(checkout, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(checkout: Path, *arguments: str) -> str:
    command = ("git", "-C", str(checkout), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
