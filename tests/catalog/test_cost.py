"""What prices cost in calls to the table."""

from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.operations import Catalog
from service.catalog.pricing import Metered, Rate
from service.core.principal import Principal
from service.videos.entities import VideoBody
from tests.catalog.conftest import LEAD_SECONDS, Desk, new_price
from tests.doubles.meter import Meter
from tests.doubles.service_harness import IMAGE, ServiceHarness


@pytest.fixture
def meter(client: Any, world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, client)


ANN = Principal("https://accounts.google.com", "ann")


def test_a_price_costs_nothing_to_find_and_a_quote_one_read(
    world: ServiceHarness, meter: Meter
) -> None:
    world.submit()
    with meter.watch() as bill:
        world.parts.get(Catalog).quote(IMAGE_TO_VIDEO)
    assert bill.calls == []
    with meter.watch() as bill:
        world.jobs.quote(ANN, IMAGE_TO_VIDEO, VideoBody(IMAGE, "foo_prompt"))
    assert (bill.calls, bill.writes) == (["GetItem"], 0)


def test_a_scheduled_price_adds_no_call_and_no_write_unit_to_a_job(
    world: ServiceHarness, desk: Desk, meter: Meter
) -> None:
    """Its terms ride along in the job's item."""
    world.submit()
    with meter.watch() as flat:
        world.submit()
    desk.schedule(new_price(world, Metered({Rate.SECOND: 123_456, Rate.IMAGE: 7}, 500, 20_000)))
    world.refresh_prices()
    world.clock.advance(LEAD_SECONDS)
    world.refresh_prices()
    with meter.watch() as by_usage:
        job = world.submit().job
    assert job.price_terms == "s0.123456 i0.000007 >0.5 <20"
    assert by_usage.calls == flat.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]
    assert by_usage.writes == flat.writes


def test_a_price_is_scheduled_in_one_transaction(desk: Desk, meter: Meter) -> None:
    with meter.watch() as bill:
        desk.schedule(new_price(desk.world))
    assert bill.calls == ["TransactGetItems", "TransactWriteItems", "GetItem"]
