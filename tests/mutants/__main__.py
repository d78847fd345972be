"""`make mutants [MUTANT=name]`: applies each named change to a copy of the service and runs the
tests that must notice it.

A mutant that survives is a missing test: exit 1."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.catalog import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.rewriting import rewrite

ROOT = Path(__file__).parents[2]
SECONDS = 300
_COPIED = (
    "service",
    "devstack",
    "tests",
    "cloudformation",
    "docker",
    "docs",
    "pyproject.toml",
    "README.md",
    ".env.example",
)


def mutated(mutant: Mutant) -> dict[str, str]:
    """The changed files of `service` by path. Raises `LookupError` when a change does not fit."""
    files: dict[str, str] = {}
    for change in mutant.changes:
        text = files.get(change.file) or (ROOT / "service" / change.file).read_text("utf-8")
        files[change.file] = rewrite(text, change)
    return files


def copy_of_the_tree(folder: str) -> Path:
    root = Path(folder)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    return root


def killer(mutant: Mutant) -> str | None:
    """The first test that fails under the mutant, None if none does. Raises `RuntimeError` for a
    run that cannot even begin: it would prove nothing."""
    with tempfile.TemporaryDirectory() as folder:
        root = copy_of_the_tree(folder)
        for file, text in mutated(mutant).items():
            (root / "service" / file).write_text(text, "utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *mutant.tests.split(),
        ]
        try:
            run = subprocess.run(
                command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return "(ran out of time)"
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
        if failed is None and run.returncode != 0:
            raise RuntimeError(f"{mutant.name}: no test ran\n{run.stdout}{run.stderr}")
        return failed[1] if failed else None


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survivors = 0
    for mutant in chosen:
        caught_by = killer(mutant)
        survivors += caught_by is None
        print(
            f"{'SURVIVED' if caught_by is None else 'killed':8}  {mutant.name:34}  "
            f"{caught_by or ''}",
            flush=True,
        )
    print(f"{len(chosen)} mutants, {len(chosen) - survivors} killed, {survivors} survived.")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
