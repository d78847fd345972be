"""The audit finds whatever someone does to prices in the table."""

from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.pricing import Flat, Price
from tests.catalog.conftest import LEAD_SECONDS, Desk, new_price
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

LIST_KEY = {"PK": {"S": "SYSTEM"}, "SK": {"S": "PRICES"}}


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, welcome_credits=100)


def record_key(price: Price) -> dict[str, Any]:
    return {
        "PK": {"S": f"PRICE#{IMAGE_TO_VIDEO}"},
        "SK": {"S": f"AT#{price.effective_at:013d}"},
    }


@pytest.fixture
def prices(world: ServiceHarness, desk: Desk) -> list[Price]:
    """One superseded, one in effect, one cancelled, one to come."""
    past, present = new_price(world), new_price(world, Flat(3000), LEAD_SECONDS + 1)
    cancelled = new_price(world, Flat(4000), 4 * LEAD_SECONDS)
    coming = new_price(world, Flat(5000), 5 * LEAD_SECONDS)
    for price in (past, present, cancelled):
        desk.schedule(price)
    desk.cancel(cancelled)
    world.clock.advance(LEAD_SECONDS + 2)
    desk.schedule(coming)
    return [past, present, cancelled, coming]


def violations(world: ServiceHarness) -> list[str]:
    return [violation.what for violation in world.audit().violations]


def test_prices_that_operators_made_are_as_they_should_be(
    world: ServiceHarness, prices: list[Price]
) -> None:
    assert violations(world) == []
    world.clock.advance(10 * LEAD_SECONDS)
    assert violations(world) == []


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("terms", {"S": "0.001"}),
        ("effectiveAt", {"S": "2020-01-01T00:00:00.000Z"}),
        ("scheduledAt", {"S": "2020-01-01T00:00:00.000Z"}),
        ("scheduledBy", {"S": "key:someone"}),
        ("reason", {"S": "another"}),
        ("cancelledAt", {"S": "2020-01-01T00:00:00.000Z"}),
        ("priceVersion", {"S": "00000000"}),
        ("mac", {"S": "A" * 22}),
        ("terms", {"N": "1"}),
    ],
)
def test_every_attribute_of_a_record_is_sealed(
    world: ServiceHarness, prices: list[Price], which: int, name: str, value: dict[str, str]
) -> None:
    world.client.update_item(
        TableName=world.table._name,
        Key=record_key(prices[which]),
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":v": value},
    )
    assert violations(world)


@pytest.mark.parametrize("which", [1, 3])
def test_a_price_in_effect_or_to_come_that_is_deleted_is_found(
    world: ServiceHarness, prices: list[Price], which: int
) -> None:
    world.client.delete_item(TableName=world.table._name, Key=record_key(prices[which]))
    (fault,) = violations(world)
    assert fault.startswith("has a price that is not in the history: kling:image2video from ")


def test_a_deleted_list_is_found(world: ServiceHarness, prices: list[Price]) -> None:
    world.client.delete_item(TableName=world.table._name, Key=LIST_KEY)
    assert violations(world) == ["is not on the price list"] * 3


def test_a_record_moved_to_another_operation_or_time_is_found(
    world: ServiceHarness, prices: list[Price]
) -> None:
    """Its seal is for its own place."""
    table = world.table._name
    item = world.client.get_item(TableName=table, Key=record_key(prices[1]), ConsistentRead=True)[
        "Item"
    ]
    for key in ({"PK": {"S": "PRICE#kling:other"}}, {"SK": {"S": "AT#1700000000000"}}):
        moved = item | key
        world.client.put_item(TableName=table, Item=moved)
        assert violations(world) == ["the price is not as this service wrote it"]
        world.client.delete_item(TableName=table, Key={"PK": moved["PK"], "SK": moved["SK"]})
