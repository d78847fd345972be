"""The service over a table in memory, with hashes that cost nothing: neither DynamoDB's behaviour
nor argon2's cost is the subject here."""

import pytest

from service.passwords.hashing import Hashes
from service.storage.table import Table
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import People, cheap_hashes


@pytest.fixture
def memory_table() -> Table:
    return Table(memory_client(), "Memory")


@pytest.fixture
def world() -> ServiceHarness:
    return ServiceHarness(
        None,
        "Memory",
        connected=memory_client(),
        replacements={Hashes: cheap_hashes()},
        password_response_seconds=0.0,
    )


@pytest.fixture
def people(world: ServiceHarness) -> People:
    return People(world)
