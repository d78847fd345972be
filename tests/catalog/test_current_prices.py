"""A process charges by the prices that it knows, and by none that may have been replaced."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.catalog.current_prices import CurrentPrices
from service.catalog.entities import IMAGE_TO_VIDEO, PricesUnavailable
from service.catalog.operations import Catalog
from service.catalog.pricing import Flat
from service.catalog.settings import CatalogSettings
from service.core.metrics import Metric, NoMetrics
from tests.catalog.conftest import LEAD_SECONDS, Desk, new_price
from tests.doubles.service_harness import ServiceHarness

MAX_AGE_SECONDS = CatalogSettings().max_age_seconds


@pytest.fixture
def current(world: ServiceHarness) -> CurrentPrices:
    return world.parts.get(CurrentPrices)


def edit(world: ServiceHarness, expression: str, value: dict[str, Any]) -> None:
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "PRICES"}},
        UpdateExpression=expression,
        ExpressionAttributeValues={":v": value},
    )


def test_a_quote_reads_nothing(world: ServiceHarness) -> None:
    wire = world.wire()
    for _ in range(3):
        world.parts.get(Catalog).quote(IMAGE_TO_VIDEO)
        world.clock.advance(MAX_AGE_SECONDS / 3 - 1)
    assert wire.calls == []


def test_prices_of_an_idle_process_are_read_again_by_the_request_that_needs_them(
    world: ServiceHarness, current: CurrentPrices
) -> None:
    wire = world.wire()
    world.clock.advance(MAX_AGE_SECONDS)
    current.get()
    current.get()
    assert wire.calls == ["GetItem"]


def test_prices_that_may_have_been_replaced_are_not_charged(world: ServiceHarness) -> None:
    world.submit()
    items = world.items()
    wire = world.wire()
    wire.plan("GetItem", "unreachable", times=1000)
    world.clock.advance(MAX_AGE_SECONDS - 0.001)
    world.parts.get(CurrentPrices).refresh()
    world.parts.get(Catalog).quote(IMAGE_TO_VIDEO)
    world.clock.advance(0.001)
    with pytest.raises(PricesUnavailable):
        world.parts.get(Catalog).quote(IMAGE_TO_VIDEO)
    assert world.items() == items


def test_every_process_changes_the_price_at_the_same_moment(
    client: Any, table_name: str, world: ServiceHarness, desk: Desk
) -> None:
    """One of them reads just before the price is scheduled, and not again in time."""
    other = ServiceHarness(client, table_name, clock=world.clock)
    desk.schedule(new_price(world, Flat(5000)))
    world.refresh_prices()
    other.wire().plan("GetItem", "lost-request", times=1000)
    world.clock.advance(LEAD_SECONDS - 0.001)
    assert world.parts.get(Catalog).quote(IMAGE_TO_VIDEO).terms == Flat(1000)
    world.clock.advance(0.001)
    assert world.parts.get(Catalog).quote(IMAGE_TO_VIDEO).terms == Flat(5000)
    with pytest.raises(PricesUnavailable):
        other.parts.get(Catalog).quote(IMAGE_TO_VIDEO)


def test_a_reading_is_as_old_as_its_beginning(
    world: ServiceHarness, current: CurrentPrices
) -> None:
    """A price may have been written while the response was under way."""
    wire = world.wire()
    wire.before(lambda _: world.clock.advance(5))
    current.refresh()
    world.clock.advance(MAX_AGE_SECONDS - 5)
    wire.plan("GetItem", "unreachable", times=1000)
    with pytest.raises(PricesUnavailable):
        current.get()


def test_requests_that_wait_for_one_reading_share_its_failure(
    world: ServiceHarness, current: CurrentPrices
) -> None:
    world.clock.advance(MAX_AGE_SECONDS)
    wire, first, all_wait = world.wire(), threading.Event(), threading.Event()
    wire.plan("GetItem", "unreachable", times=1000)

    def wait(operation: str) -> None:
        del operation
        first.set()
        assert all_wait.wait(10)

    wire.before(wait)

    def failed() -> bool:
        try:
            current.get()
        except PricesUnavailable:
            return True
        return False

    with ThreadPoolExecutor(9) as pool:
        leading = pool.submit(failed)
        assert first.wait(10)
        others = [pool.submit(failed) for _ in range(8)]
        while not all(other.running() for other in others):
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)
        all_wait.set()
        assert leading.result()
        assert all(other.result() for other in others)
    assert len(wire.calls) == 2


class Counted(NoMetrics):
    def __init__(self) -> None:
        self.found: list[Metric] = []

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        del value, dimensions
        self.found.append(metric)


@pytest.fixture
def alarms(world: ServiceHarness, current: CurrentPrices) -> Counted:
    current._metrics = counted = Counted()
    return counted


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("SET prices[0][2] = :v", {"S": "0.001"}),
        ("SET prices[0][1] = :v", {"N": "1790000000001"}),
        ("SET prices[0][0] = :v", {"S": "kling:other"}),
        ("SET prices = :v", {"L": []}),
        ("SET prices = :v", {"S": "0.001"}),
        ("SET version = :v", {"N": "9"}),
        ("SET version = :v", {"N": "1.5"}),
        ("SET mac = :v", {"S": "A" * 22}),
        ("SET added = :v REMOVE mac", {"S": "x"}),
        ("SET prices[0][1] = :v", {"N": "0.5"}),
    ],
)
def test_a_price_that_somebody_wrote_into_the_table_is_not_charged(
    world: ServiceHarness,
    desk: Desk,
    current: CurrentPrices,
    alarms: Counted,
    expression: str,
    value: dict[str, Any],
) -> None:
    desk.schedule(new_price(world))
    world.submit()
    edit(world, expression, value)
    items = world.items()
    current.refresh()
    assert alarms.found == [Metric.LEDGER_DAMAGED]
    with pytest.raises(PricesUnavailable):
        world.submit()
    assert world.items() == items
    assert len(world.audit().violations) >= 1


def test_an_older_list_is_not_taken_for_a_new_one(
    world: ServiceHarness, desk: Desk, current: CurrentPrices, alarms: Counted
) -> None:
    """Its seal holds: it was ours, once."""
    desk.schedule(new_price(world))
    key = {"PK": {"S": "SYSTEM"}, "SK": {"S": "PRICES"}}
    old = world.client.get_item(TableName=world.table._name, Key=key)["Item"]
    desk.schedule(new_price(world, after_seconds=LEAD_SECONDS + 1))
    current.refresh()
    world.client.put_item(TableName=world.table._name, Item=old)
    current.refresh()
    assert alarms.found == [Metric.LEDGER_DAMAGED]
    with pytest.raises(PricesUnavailable):
        current.get()
    assert [violation.what for violation in world.audit().violations] == [
        "is not on the price list"
    ]


def test_a_process_that_has_read_no_prices_charges_nothing(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name)
    fresh = CurrentPrices(world.table, world.clock, NoMetrics(), b"m" * 32, MAX_AGE_SECONDS)
    world.wire().plan("GetItem", "unreachable", times=1000)
    with pytest.raises(PricesUnavailable):
        fresh.get()
