"""Accounts before and after a first deployment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release.machine import Machine, Run


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path) as machine:
        yield machine


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first deployment, and the account after it."""
    with Machine(tmp_path_factory.mktemp("first")) as machine:
        return machine.run("deploy"), machine.account


@pytest.fixture
def deployed(machine: Machine, first: Run) -> Machine:
    machine.set(**first[1] | {"executed": [], "docker": []})
    return machine
