"""Who notices a mistake: the cheapest first."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from service.local.errors import LocalSetupError
from tests.infrastructure.checks.everything import checks
from tests.infrastructure.deployments import ROOT, deployment
from tests.infrastructure.lint import cfn_lint_command, checkov_command
from tests.infrastructure.mistakes.catalog import Mistake
from tests.infrastructure.permissions import Call, faults
from tests.infrastructure.render import RenderError

# production first: most checks look hardest there.
_STAGES = ("production", "dev", "staging")
_COPIED = ("cloudformation", "docker", "docs")


def copy_of_the_sources(folder: Path) -> Path:
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("service/cli.py", "service/wsgi.py", "service/worker.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def apply(mistake: Mistake, root: Path) -> None:
    """Raises `LookupError` when the files have moved on from under the mistake."""
    path = root / mistake.file
    text = path.read_text(encoding="utf-8")
    if mistake.after and text.count(mistake.after) != 1:
        raise LookupError(f"{mistake.name}: {mistake.after.strip()} is not in {mistake.file} exactly once")
    start = text.index(mistake.after) if mistake.after else 0
    place = text.find(mistake.old, start)
    if place < 0:
        raise LookupError(f"{mistake.name}: {mistake.old[:60]!r} is not in {mistake.file}")
    path.write_text(text[:place] + mistake.new + text[place + len(mistake.old) :], encoding="utf-8")


def rendered(root: Path, calls: Sequence[Call]) -> str | None:
    """The name of the first check that notices, by rendering alone; `calls` are what each role was seen to need."""
    for stage in _STAGES:
        try:
            staged = deployment(stage, root)
        except (RenderError, LocalSetupError) as error:
            return f"render: {str(error).splitlines()[0][:60]}"
        for name, check in checks().items():
            if _complains(check, staged):
                return name
        wrong = faults(staged, calls)
        if wrong:
            return f"roles: {wrong[0]}"
    return None


def linted(root: Path, mistake: Mistake) -> str | None:
    """The first rule of cfn-lint, then of checkov, that notices."""
    if not mistake.file.endswith(".yaml"):
        return None
    path = root / mistake.file
    found = re.search(r"^([EWI]\d{4}) ", _output(cfn_lint_command(path)), re.MULTILINE)
    if found:
        return f"cfn-lint {found[1]}"
    found = re.search(r"(CKV2?_[A-Z0-9_]+)", _output(checkov_command(path)))
    return f"checkov {found[1]}" if found else None


def _complains(check: object, staged: object) -> bool:
    """A check that cannot even read what it looks at complains too."""
    try:
        return bool(list(check(staged)))  # type: ignore[operator]
    except (KeyError, ValueError, TypeError, AttributeError, RenderError, IndexError, ArithmeticError):
        return True


def _output(command: Sequence[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    return run.stdout if run.returncode else ""
