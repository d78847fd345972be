"""The document in the eyes of the two common linters, with their recommended rules."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.node import CLIENTS, run_node

pytestmark = [pytest.mark.clients, pytest.mark.usefixtures("node")]


def redocly(file: Path) -> list[str]:
    """The rules that the document breaks. A warning counts like an error (`recommended-strict`)."""
    run = run_node("redocly", "lint", file, "--config", CLIENTS / "redocly.yaml", "--format=json")
    assert run.stdout.startswith("{"), run.stderr
    return [f"{each['ruleId']}: {each['message']}" for each in json.loads(run.stdout)["problems"]]


def spectral(file: Path) -> list[str]:
    run = run_node(
        "spectral", "lint", file, "-r", CLIENTS / "spectral.yaml", "-F", "hint", "-f", "json"
    )
    assert run.returncode in (0, 1), run.stderr
    # A sentence follows the list if it is empty.
    found, _ = json.JSONDecoder().raw_decode(run.stdout)
    return [f"{each['code']}: {each['message']}" for each in found]


LINTERS = (redocly, spectral)


@pytest.mark.parametrize("lint", LINTERS)
def test_a_linter_finds_nothing(lint: Any, document_file: Path) -> None:
    assert lint(document_file) == []


@pytest.mark.parametrize("lint", LINTERS)
def test_a_linter_finds_what_is_missing(
    lint: Any, document: dict[str, Any], tmp_path: Path
) -> None:
    """In a document of one route: the whole one takes seconds more."""
    unnamed = copy.deepcopy(document["paths"]["/videos"]["post"])
    del unnamed["operationId"]
    file = tmp_path / "broken.json"
    file.write_text(
        json.dumps(document | {"paths": {"/videos": {"post": unnamed}}, "components": {}})
    )
    assert [found for found in lint(file) if "operation-operationid" in found.lower()]
