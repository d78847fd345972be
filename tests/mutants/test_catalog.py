"""Each mutant still finds its place in the code, so that `make mutants` proves what it says."""

import shutil
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, apply
from tests.mutants.catalog import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_fits_the_code_and_is_a_change(mutant: Mutant, tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "service", tmp_path / "service", ignore=shutil.ignore_patterns("__pycache__")
    )
    apply(mutant, tmp_path)
    changed = tmp_path / "service" / mutant.file
    assert changed.read_text() != (ROOT / "service" / mutant.file).read_text()
    compile(changed.read_text(), mutant.file, "exec")


def test_each_mutant_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 25
