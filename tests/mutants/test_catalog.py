"""Each mutant still finds its place in the code, so that `make mutants` proves what it says."""

import pytest

from tests.mutants.__main__ import ROOT, mutated
from tests.mutants.catalog import MUTANTS
from tests.mutants.mutant import Mutant
from tests.protocol.rules import RULES


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_fits_the_code_once_and_is_a_change(mutant: Mutant) -> None:
    for file, text in mutated(mutant).items():
        assert text != (ROOT / "service" / file).read_text()
        compile(text, file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_of_the_mutant_exist(mutant: Mutant) -> None:
    assert all((ROOT / path.partition("::")[0]).exists() for path in mutant.tests.split())


def test_each_mutant_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 59


def test_every_rule_of_the_protocol_is_broken_by_a_mutant() -> None:
    assert {mutant.rule for mutant in MUTANTS} - {""} == set(RULES)
