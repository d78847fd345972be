"""The service over a table of its own, with prices that operators schedule."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from service.admin.entities import Action
from service.admin.prices import Prices
from service.catalog.entities import IMAGE_TO_VIDEO, PriceRecord
from service.catalog.price_list import starts_at
from service.catalog.pricing import Flat, Price, Terms
from tests.admin.actions import action
from tests.doubles.service_harness import ServiceHarness

LEAD_SECONDS = 300
TWO = Flat(2000)


@dataclass
class Desk:
    """An operator who schedules prices; each action has an idempotency key of its own."""

    world: ServiceHarness
    actions: int = 0

    @property
    def prices(self) -> Prices:
        return self.world.parts.get(Prices)

    def schedule(self, price: Price) -> PriceRecord:
        return self.prices.schedule(self._action("schedule price"), price)[1]

    def cancel(self, price: Price) -> PriceRecord:
        wanted = replace(self._action("cancel price"), reason="a mistake")
        return self.prices.cancel(wanted, price.operation, starts_at(price))[1]

    def _action(self, name: str) -> Action:
        self.actions += 1
        key = f"key-{id(self)}-{self.actions}"
        return action(name=name, subject=None, reason="spring prices", idempotency_key=key)


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, welcome_credits=100)


@pytest.fixture
def desk(world: ServiceHarness) -> Desk:
    return Desk(world)


def new_price(
    world: ServiceHarness,
    terms: Terms = TWO,
    after_seconds: float = LEAD_SECONDS,
    operation: str = IMAGE_TO_VIDEO,
) -> Price:
    return Price(operation, terms, world.clock.now() + round(after_seconds * 1000))
