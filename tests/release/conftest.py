"""Accounts before and after a first deployment."""

from pathlib import Path

import pytest

from tests.release.machine import Machine, Run


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """The first deployment, and the account after it."""
    machine = Machine(tmp_path_factory.mktemp("first"))
    return machine.run("deploy"), machine.account


@pytest.fixture
def deployed(machine: Machine, first: Run) -> Machine:
    machine.set(**first[1] | {"executed": [], "docker": []})
    return machine
