"""Clients that the two common TypeScript generators make of the document: programs that use them
compile strictly and work, and a misspelt word does not compile."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.core.clock import SystemClock
from tests.clients.node import CLIENTS, run_node
from tests.stack.live_stack import LiveStack

# The compiler shares two cores with other tests.
pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

PROGRAMS = ("hey_api", "openapi_fetch")
# What is written wrong, and how.
MISSPELT = {
    "status": ('"SUBMITTED"', '"SUBMITED"'),
    "error_code": ('"INSUFFICIENT_CREDITS"', '"INSUFICIENT_CREDITS"'),
    "lot_kind": ('"free"', '"fee"'),
    "response_field": ("job.videoUrl", "job.videoURL"),
    "failure_field": ("job.error?.message", "job.error?.text"),
    "request_field": ("promptKey:", "prompt_key:"),
    "nullable_field": ('job.videoUrl ?? job.error?.message ?? ""', "job.videoUrl"),
    "query": ("wait: 20", 'wait: "long"'),
}
_ERROR = re.compile(r"^(?P<file>[\w/.-]+\.ts)\((?P<line>\d+),\d+\): error (?P<text>.*)$", re.M)


@dataclass(frozen=True)
class Compiled:
    """`errors` are lines of files: `hey_api.ts` to (line, message)."""

    folder: Path
    errors: dict[str, list[tuple[int, str]]]
    lines: dict[str, int]


@pytest.fixture(scope="module")
def compiled(node: Path, document_file: Path) -> Iterator[Compiled]:
    """Both clients, the programs, and every misspelt program, in one run of the compiler."""
    with tempfile.TemporaryDirectory(dir=node) as name:
        folder = Path(name)
        shutil.copyfile(document_file, folder / "openapi.json")
        for file in ("tsconfig.json", "openapi-ts.config.mjs"):
            shutil.copyfile(CLIENTS / file, folder / file)
        (folder / "package.json").write_text('{"type": "module"}')
        lines = written_programs(folder)
        generated(folder)
        run = run_node("tsc", "-p", "tsconfig.json", cwd=folder)
        errors: dict[str, list[tuple[int, str]]] = {}
        for found in _ERROR.finditer(run.stdout):
            errors.setdefault(found["file"], []).append((int(found["line"]), found["text"]))
        assert run.returncode in (0, 1, 2), run.stderr
        assert bool(errors) == bool(run.returncode), run.stdout
        yield Compiled(folder, errors, lines)


def written_programs(folder: Path) -> dict[str, int]:
    """Writes each program and its misspelt versions. Returns the line of each mistake."""
    lines = {}
    for program in PROGRAMS:
        text = (CLIENTS / "programs" / f"{program}.ts").read_text()
        (folder / f"{program}.ts").write_text(text)
        for name, (right, wrong) in MISSPELT.items():
            assert text.count(right) == 1, f"{program}: {right}"
            lines[f"{program}_{name}.ts"] = text[: text.index(right)].count("\n") + 1
            (folder / f"{program}_{name}.ts").write_text(text.replace(right, wrong))
    return lines


def generated(folder: Path) -> None:
    hey_api = run_node("openapi-ts", "--no-log-file", cwd=folder)
    assert hey_api.returncode == 0, hey_api.stdout + hey_api.stderr
    types = folder / "generated" / "schema.d.ts"
    typescript = run_node("openapi-typescript", "openapi.json", "-o", types, cwd=folder)
    assert typescript.returncode == 0, typescript.stdout + typescript.stderr


def test_clients_and_programs_compile_strictly(compiled: Compiled) -> None:
    correct = {
        file: errors for file, errors in compiled.errors.items() if file not in compiled.lines
    }
    assert correct == {}


@pytest.mark.parametrize("mistake", MISSPELT)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_misspelt_word_does_not_compile(compiled: Compiled, program: str, mistake: str) -> None:
    file = f"{program}_{mistake}.ts"
    assert compiled.lines[file] in [line for line, _ in compiled.errors.get(file, [])]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_compiled_program_makes_a_video(
    compiled: Compiled, program: str, start: Callable[..., LiveStack]
) -> None:
    stack = start(clock=SystemClock())
    script = compiled.folder / "built" / f"{program}.js"
    run = run_node("node", script, stack.url, stack.token("ann"), "ann", cwd=compiled.folder)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["status"] == "SUCCEEDED"
    assert report["outcome"].startswith("http")
    assert report["left"] == 2
    assert stack.credits("ann") == (2, 0)
