"""The service over a table of its own, with prices that can be scheduled."""

from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO, NewPrice
from service.catalog.pricing import Flat, Price, Terms
from service.catalog.scheduling import PriceSchedule
from tests.doubles.service_harness import ServiceHarness

LEAD_SECONDS = 300
TWO = Flat(2000)


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, welcome_credits=100)


@pytest.fixture
def schedule(world: ServiceHarness) -> PriceSchedule:
    return world.parts.get(PriceSchedule)


def new_price(
    world: ServiceHarness,
    terms: Terms = TWO,
    after_seconds: float = LEAD_SECONDS,
    operation: str = IMAGE_TO_VIDEO,
) -> NewPrice:
    start = world.clock.now() + round(after_seconds * 1000)
    return NewPrice(Price(operation, terms, start), "op_1", "spring prices")
