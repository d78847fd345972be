"""The documents say what the code does."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from service.app import VERSION, load_settings
from tests import documents


@pytest.mark.parametrize("path", documents.GENERATED, ids=lambda path: path.name)
def test_the_generated_blocks_of_the_documents_follow_from_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == documents.with_blocks(path), "run: make documents"


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((documents.ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


@pytest.mark.parametrize("parent", ["service", "tests"])
def test_the_map_of_the_code_names_every_package(parent: str) -> None:
    named = (documents.DOCS / "architecture.md").read_text(encoding="utf-8")
    folders = {path.name for path in (documents.ROOT / parent).iterdir() if any(path.glob("*.py"))}
    if parent == "tests":
        folders -= {path.name for path in (documents.ROOT / "service").iterdir()}
    missing = [name for name in sorted(folders) if f"`{parent}/{name}/`" not in named]
    assert missing == []


def test_the_map_of_the_code_names_no_package_that_is_gone() -> None:
    named = (documents.DOCS / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(
        r"`((?:service|tests|devstack|release|docker|cloudformation)/[\w./-]*)`", named
    )
    assert paths
    assert [path for path in paths if not (documents.ROOT / path).exists()] == []


def test_the_example_environment_lists_every_setting_with_its_default() -> None:
    assert documents.EXAMPLE.read_text() == documents.env_example(), "run: make documents"


def test_the_idle_costs_follow_from_the_templates() -> None:
    assert documents.IDLE_COSTS.read_text() == documents.idle_costs(), "run: make documents"


def test_compose_passes_every_setting_with_its_local_default() -> None:
    assert documents.COMPOSE.read_text() == documents.compose(), "run: make documents"


def test_every_error_code_means_one_thing() -> None:
    codes = Counter(error.code for error in documents.errors())
    assert [code for code, times in codes.items() if times > 1] == []


def test_every_error_code_is_a_word_in_capitals_and_every_summary_a_sentence() -> None:
    for error in documents.errors():
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+", error.code), error
        assert error.summary.endswith((".", "why.")), error


def test_the_defaults_alone_do_not_start_a_service() -> None:
    """No default opens a door: client ids, keys and Kling's credentials must be given."""
    faults = _faults({})
    assert [fault.split()[0] for fault in faults] == [
        "FINGERPRINT_PEPPERS",
        "LEDGER_MAC_KEY",
        "CALLBACK_TOKEN_KEYS",
        "ACCESS_TOKEN_KEYS",
        "GOOGLE_CLIENT_IDS",
        "KLING_API_KEY_SECRET_NAME",
    ]


def _faults(environment: dict[str, str]) -> list[str]:
    try:
        load_settings(environment)
    except Exception as error:
        return list(getattr(error, "faults", []))
    return []
