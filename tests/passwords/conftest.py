"""A table in memory: DynamoDB's own behaviour is not the subject here."""

import pytest

from service.storage.table import Table
from tests.doubles.memory_client import memory_client


@pytest.fixture
def memory_table() -> Table:
    return Table(memory_client(), "Memory")
