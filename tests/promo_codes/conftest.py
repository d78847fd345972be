"""The service over a table of its own, and a campaign in it."""

from typing import Any

import pytest

from tests.doubles.service_harness import ServiceHarness
from tests.promo_codes.campaign import Campaign


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, max_users=500)


@pytest.fixture
def campaign(world: ServiceHarness) -> Campaign:
    return Campaign(world)
