"""Every rule of the protocol names the tests that fail when it is broken."""

from pathlib import Path

from tests.protocol.marked import marked_tests
from tests.protocol.rules import PARTS, RULES


def test_every_rule_has_a_test_and_every_marker_a_rule() -> None:
    assert set(marked_tests()) == set(RULES)


def test_no_two_rules_share_an_id() -> None:
    assert len(RULES) == sum(len(part.rules) for part in PARTS)


def test_markers_are_found_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(
        "import pytest\n"
        "@pytest.mark.protocol('a', 'b')\n"
        "@pytest.mark.parametrize('n', [1])\n"
        "def test_one(n): ...\n"
        "def test_two(): ...\n"
    )
    name = "tests/test_x.py::test_one"
    assert marked_tests(tmp_path) == {"a": [name], "b": [name]}
