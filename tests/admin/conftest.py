from typing import Any

import pytest

from tests.doubles.service_harness import ServiceHarness


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)
