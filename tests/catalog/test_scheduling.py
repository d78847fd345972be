"""A price is scheduled once, ahead of time, by whichever process, and then stays."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.catalog.entities import (
    IMAGE_TO_VIDEO,
    PriceConflict,
    PriceNotFound,
    PriceNotPending,
    PricesFull,
    PricesUnavailable,
    PriceTooFar,
    PriceTooSoon,
    PriceUnusable,
)
from service.catalog.operations import Catalog
from service.catalog.price_list import MAX_PENDING
from service.catalog.pricing import Flat, Metered, Rate
from service.core.errors import FareboxError
from service.storage.cursor import PageTokenInvalid
from tests.catalog.conftest import LEAD_SECONDS, TWO, Desk, new_price
from tests.doubles.service_harness import ServiceHarness

BY_THE_SECOND = Metered({Rate.SECOND: 250_000}, minimum=500)


def quoted(world: ServiceHarness) -> str:
    world.refresh_prices()
    return world.parts.get(Catalog).quote(IMAGE_TO_VIDEO).terms.text


def test_a_price_applies_from_its_time_on(world: ServiceHarness, desk: Desk) -> None:
    record = desk.schedule(new_price(world, BY_THE_SECOND))
    assert (record.scheduled_by, record.reason) == ("key:desk", "spring prices")
    assert quoted(world) == "1"
    world.clock.advance(LEAD_SECONDS - 0.001)
    assert quoted(world) == "1"
    world.clock.advance(0.001)
    assert quoted(world) == BY_THE_SECOND.text
    assert world.audit().violations == ()


def test_the_newest_of_several_applies_and_the_history_keeps_all(
    world: ServiceHarness, desk: Desk
) -> None:
    for amount in range(1, 8):
        desk.schedule(new_price(world, Flat(amount * 1000)))
        world.clock.advance(LEAD_SECONDS)
    assert quoted(world) == "7"
    assert world.audit().violations == ()
    first = desk.prices.history(IMAGE_TO_VIDEO, 4, None)
    second = desk.prices.history(IMAGE_TO_VIDEO, 4, first.next_token)
    texts = [record.price.terms.text for record in (*first.records, *second.records)]
    assert texts == ["7", "6", "5", "4", "3", "2", "1"]
    assert second.next_token is None
    with pytest.raises(PageTokenInvalid):
        desk.prices.history("kling:other", 4, first.next_token)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"after_seconds": LEAD_SECONDS - 0.001}, PriceTooSoon),
        ({"after_seconds": -1}, PriceTooSoon),
        ({"after_seconds": 367 * 24 * 3600}, PriceTooFar),
        ({"operation": "kling:image2vidoe"}, PriceNotFound),
        ({"terms": Flat(0)}, PriceUnusable),
        ({"terms": Metered({Rate.OUTPUT: 5})}, PriceUnusable),
        ({"terms": Metered({Rate.SECOND: 5, Rate.MINUTE: 5})}, PriceUnusable),
    ],
)
def test_what_cannot_be_a_price_is_refused_and_nothing_is_written(
    world: ServiceHarness,
    desk: Desk,
    changes: dict[str, Any],
    error: type[FareboxError],
) -> None:
    with pytest.raises(error):
        desk.schedule(new_price(world, **changes))
    assert world.items() == []


def test_a_second_price_at_the_same_time_is_refused(world: ServiceHarness, desk: Desk) -> None:
    desk.schedule(new_price(world))
    items = world.items()
    for terms in (TWO, Flat(3000)):
        with pytest.raises(PriceConflict):
            desk.schedule(new_price(world, terms))
    assert world.items() == items


def test_only_so_many_prices_wait(world: ServiceHarness, desk: Desk) -> None:
    for number in range(MAX_PENDING):
        desk.schedule(new_price(world, after_seconds=LEAD_SECONDS + number))
    items = world.items()
    with pytest.raises(PricesFull):
        desk.schedule(new_price(world, after_seconds=LEAD_SECONDS + MAX_PENDING))
    assert world.items() == items
    world.clock.advance(LEAD_SECONDS)
    desk.schedule(new_price(world, after_seconds=2 * LEAD_SECONDS))


def test_a_cancelled_price_never_applies(world: ServiceHarness, desk: Desk) -> None:
    new = new_price(world, after_seconds=2 * LEAD_SECONDS)
    desk.schedule(new)
    cancelled = desk.cancel(new)
    assert (cancelled.cancelled_by, cancelled.cancel_reason) == ("key:desk", "a mistake")
    with pytest.raises(PriceNotPending):
        desk.cancel(new)
    world.clock.advance(3 * LEAD_SECONDS)
    assert quoted(world) == "1"
    assert desk.prices.history(IMAGE_TO_VIDEO, 5, None).records == [cancelled]
    assert world.audit().violations == ()
    with pytest.raises(PriceConflict):
        desk.schedule(new)


@pytest.mark.parametrize("seconds_left", [LEAD_SECONDS - 0.001, 0, -1])
def test_a_price_in_effect_or_about_to_be_cannot_be_cancelled(
    world: ServiceHarness, desk: Desk, seconds_left: float
) -> None:
    new = new_price(world)
    desk.schedule(new)
    world.clock.advance(LEAD_SECONDS - seconds_left)
    items = world.items()
    with pytest.raises(PriceNotPending):
        desk.cancel(new)
    assert world.items() == items


def test_a_price_that_does_not_exist_cannot_be_cancelled(world: ServiceHarness, desk: Desk) -> None:
    with pytest.raises(PriceNotFound):
        desk.cancel(new_price(world))


def test_of_prices_that_race_for_one_time_one_is_scheduled(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    others = [ServiceHarness(client, table_name, clock=world.clock) for _ in range(4)]

    def attempt(number: int) -> bool:
        try:
            new = new_price(world, Flat(1000 + number), LEAD_SECONDS + 600)
            Desk(others[number % 4]).schedule(new)
        except FareboxError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert world.audit().violations == ()
    kinds = sorted(item["PK"]["S"] for item in world.items())
    assert kinds.count(f"PRICE#{IMAGE_TO_VIDEO}") == 1


def test_a_damaged_list_is_not_written_over(world: ServiceHarness, desk: Desk) -> None:
    desk.schedule(new_price(world))
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "PRICES"}},
        UpdateExpression="SET prices = :p",
        ExpressionAttributeValues={":p": {"L": []}},
    )
    items = world.items()
    with pytest.raises(PricesUnavailable):
        desk.schedule(new_price(world, after_seconds=LEAD_SECONDS + 60))
    assert world.items() == items
