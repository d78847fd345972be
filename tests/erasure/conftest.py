"""A world over the table in memory: the steps themselves are the subject, not DynamoDB."""

import pytest

from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness


@pytest.fixture
def world() -> ServiceHarness:
    return ServiceHarness(None, "Memory", connected=memory_client())
