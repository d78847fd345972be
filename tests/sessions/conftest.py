from collections.abc import Iterator
from typing import Any

import pytest

from service.storage.table import Table
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import local_client
from tests.sessions.opened import Opened


@pytest.fixture
def opened() -> Opened:
    """Sessions over a table in memory."""
    return Opened(Table(memory_client(), "t"))


@pytest.fixture
def on_dynamodb(client: Any, table_name: str) -> Iterator[Opened]:
    """Sessions over DynamoDB Local, where requests race."""
    return Opened(Table(local_client(client.meta.endpoint_url), table_name))
