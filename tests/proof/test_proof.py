import sys
import time
from datetime import date
from pathlib import Path

import pytest

from tests.proof.__main__ import main
from tests.proof.proofs import Proof, chosen, proofs
from tests.proof.record import Record
from tests.proof.run import CHECKOUT, run

ALL = proofs(date(2030, 1, 2))


def program(code: str, max_minutes: float = 1.0) -> Proof:
    return Proof("program", (sys.executable, "-c", code), max_minutes)


def test_every_proof_is_a_program_of_the_tests() -> None:
    for proof in ALL:
        assert (CHECKOUT / proof.command[2].replace(".", "/") / "__main__.py").exists(), proof.name


def test_proofs_are_chosen_by_name() -> None:
    assert chosen(ALL, []) == ALL
    assert [proof.name for proof in chosen(ALL, ["fuzz", "mutants"])] == ["mutants", "fuzz"]


def test_an_unknown_name_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mutant"]) == 2
    assert "no such proof: mutant" in capsys.readouterr().out


def test_a_proof_passes_with_its_own_last_line(tmp_path: Path) -> None:
    result = run(program("print('one'); print('59 mutants killed')"), tmp_path / "log")
    assert result.passed
    assert result.last_line == "59 mutants killed"


def test_a_failure_names_the_exit_code(tmp_path: Path) -> None:
    result = run(program("import sys; print('broken'); sys.exit(3)"), tmp_path / "log")
    assert not result.passed
    assert result.last_line == "exit code 3: broken"


def test_a_proof_beyond_its_time_is_stopped_and_fails(tmp_path: Path) -> None:
    began_at = time.monotonic()
    proof = program("import time; print('begun'); time.sleep(60)", max_minutes=0.02)
    result = run(proof, tmp_path / "log", stop_seconds=1)
    assert not result.passed
    assert result.last_line.startswith("stopped after 0.02 minutes: ")
    assert time.monotonic() - began_at < 30


def test_what_passed_is_remembered_for_its_commit_alone(tmp_path: Path) -> None:
    file = tmp_path / "passed.json"
    Record(file, "abc").add("fuzz")
    Record(file, "abc").add("drain")
    assert Record(file, "abc").passed() == {"fuzz", "drain"}
    assert Record(file, "def").passed() == frozenset()
    assert Record(file, "").passed() == frozenset()


def test_the_nightly_workflow_runs_every_proof() -> None:
    workflow = (CHECKOUT / ".github/workflows/proof.yml").read_text()
    for proof in ALL:
        assert f"          - {proof.name}\n" in workflow
