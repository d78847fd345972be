"""The service over a table of its own, and a handout in it."""

from typing import Any

import pytest

from tests.bulk_grants.handout import Handout
from tests.doubles.service_harness import ServiceHarness


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, max_users=500)


@pytest.fixture
def handout(world: ServiceHarness) -> Handout:
    return Handout(world)
