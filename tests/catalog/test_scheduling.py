"""A price is scheduled once, ahead of time, by whichever process, and then stays."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.catalog.entities import (
    IMAGE_TO_VIDEO,
    NewPrice,
    PriceCancellation,
    PriceConflict,
    PriceNotFound,
    PriceNotPending,
    PriceRecord,
    PricesFull,
    PricesUnavailable,
    PriceTooFar,
    PriceTooSoon,
    PriceUnusable,
)
from service.catalog.operations import Catalog
from service.catalog.price_list import MAX_PENDING, starts_at
from service.catalog.pricing import Flat, Metered, Rate
from service.catalog.scheduling import PriceSchedule
from service.core.errors import FareboxError
from service.storage.cursor import PageTokenInvalid
from service.storage.table import StorageUnavailable
from service.storage.writes import Put
from tests.architecture.toy.feature import shelf
from tests.catalog.conftest import LEAD_SECONDS, new_price
from tests.doubles.service_harness import ServiceHarness

BY_THE_SECOND = Metered({Rate.SECOND: 250_000}, minimum=500)


def cancellation(new: NewPrice, reason: str = "a mistake") -> PriceCancellation:
    return PriceCancellation(new.price.operation, starts_at(new.price), "op_2", reason)


def quoted(world: ServiceHarness) -> str:
    world.refresh_prices()
    return world.parts.get(Catalog).quote(IMAGE_TO_VIDEO).terms.text


def test_a_price_applies_from_its_time_on(world: ServiceHarness, schedule: PriceSchedule) -> None:
    record = schedule.schedule(new_price(world, BY_THE_SECOND))
    assert (record.scheduled_by, record.reason) == ("op_1", "spring prices")
    assert quoted(world) == "1"
    world.clock.advance(LEAD_SECONDS - 0.001)
    assert quoted(world) == "1"
    world.clock.advance(0.001)
    assert quoted(world) == BY_THE_SECOND.text
    assert world.audit().violations == ()


def test_the_newest_of_several_applies_and_the_history_keeps_all(
    world: ServiceHarness, schedule: PriceSchedule
) -> None:
    for amount in range(1, 8):
        schedule.schedule(new_price(world, Flat(amount * 1000)))
        world.clock.advance(LEAD_SECONDS)
    assert quoted(world) == "7"
    assert world.audit().violations == ()
    first = schedule.history(IMAGE_TO_VIDEO, 4, None)
    second = schedule.history(IMAGE_TO_VIDEO, 4, first.next_token)
    texts = [record.price.terms.text for record in (*first.records, *second.records)]
    assert texts == ["7", "6", "5", "4", "3", "2", "1"]
    assert second.next_token is None
    with pytest.raises(PageTokenInvalid):
        schedule.history("kling:other", 4, first.next_token)


def test_the_same_price_again_is_the_price_that_is_there(
    world: ServiceHarness, schedule: PriceSchedule
) -> None:
    new = new_price(world)
    first = schedule.schedule(new)
    items = world.items()
    world.clock.advance(LEAD_SECONDS * 2)
    assert schedule.schedule(replace(new, operator_id="op_9")) == first
    assert world.items() == items


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
    schedule: PriceSchedule,
    changes: dict[str, Any],
    error: type[FareboxError],
) -> None:
    with pytest.raises(error):
        schedule.schedule(new_price(world, **changes))
    assert world.items() == []


def test_another_price_at_the_same_time_is_refused(
    world: ServiceHarness, schedule: PriceSchedule
) -> None:
    schedule.schedule(new_price(world))
    items = world.items()
    with pytest.raises(PriceConflict):
        schedule.schedule(new_price(world, Flat(3000)))
    assert world.items() == items


def test_only_so_many_prices_wait(world: ServiceHarness, schedule: PriceSchedule) -> None:
    for number in range(MAX_PENDING):
        schedule.schedule(new_price(world, after_seconds=LEAD_SECONDS + number))
    items = world.items()
    with pytest.raises(PricesFull):
        schedule.schedule(new_price(world, after_seconds=LEAD_SECONDS + MAX_PENDING))
    assert world.items() == items
    world.clock.advance(LEAD_SECONDS)
    schedule.schedule(new_price(world, after_seconds=2 * LEAD_SECONDS))


def test_a_cancelled_price_never_applies(world: ServiceHarness, schedule: PriceSchedule) -> None:
    new = new_price(world, after_seconds=2 * LEAD_SECONDS)
    schedule.schedule(new)
    cancelled = schedule.cancel(cancellation(new))
    assert (cancelled.cancelled_by, cancelled.cancel_reason) == ("op_2", "a mistake")
    assert schedule.cancel(cancellation(new, "again")) == cancelled
    world.clock.advance(3 * LEAD_SECONDS)
    assert quoted(world) == "1"
    assert schedule.history(IMAGE_TO_VIDEO, 5, None).records == [cancelled]
    assert world.audit().violations == ()
    with pytest.raises(PriceConflict):
        schedule.schedule(new)


@pytest.mark.parametrize("seconds_left", [LEAD_SECONDS - 0.001, 0, -1])
def test_a_price_in_effect_or_about_to_be_cannot_be_cancelled(
    world: ServiceHarness, schedule: PriceSchedule, seconds_left: float
) -> None:
    new = new_price(world)
    schedule.schedule(new)
    world.clock.advance(LEAD_SECONDS - seconds_left)
    items = world.items()
    with pytest.raises(PriceNotPending):
        schedule.cancel(cancellation(new))
    assert world.items() == items


def test_a_price_that_does_not_exist_cannot_be_cancelled(
    world: ServiceHarness, schedule: PriceSchedule
) -> None:
    with pytest.raises(PriceNotFound):
        schedule.cancel(cancellation(new_price(world)))


def test_what_another_feature_adds_is_written_with_the_price_or_not_at_all(
    world: ServiceHarness, schedule: PriceSchedule
) -> None:
    def note(record: PriceRecord) -> list[Put]:
        return [Put(shelf(record.price.version), {"count": 1})]

    new = new_price(world)
    schedule.schedule(new, note)
    items = world.items()
    assert len(items) == 3
    other = new_price(world, after_seconds=LEAD_SECONDS + 1)
    with pytest.raises(FareboxError):
        schedule.schedule(other, note)
    assert world.items() == items


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "late", "conflict", "throttle"])
def test_a_lost_response_leaves_one_price(
    world: ServiceHarness, schedule: PriceSchedule, fault: str
) -> None:
    wire = world.wire()
    wire.plan("TransactWriteItems", fault)
    new = new_price(world, after_seconds=LEAD_SECONDS + 60)
    record = schedule.schedule(new)
    items = world.items()
    wire.deliver_late()
    assert world.items() == items
    assert schedule.history(IMAGE_TO_VIDEO, 5, None).records == [record]
    assert world.audit().violations == ()


def test_a_refusal_after_a_lost_response_is_not_final(
    world: ServiceHarness, schedule: PriceSchedule
) -> None:
    """The first attempt may yet be stored, although it is too late for a second."""
    world.wire().plan("TransactWriteItems", "late")
    with pytest.raises(StorageUnavailable):
        schedule.schedule(new_price(world))


def test_of_prices_that_race_for_one_time_one_is_scheduled(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    others = [ServiceHarness(client, table_name, clock=world.clock) for _ in range(4)]

    def attempt(number: int) -> bool:
        try:
            new = new_price(world, Flat(1000 + number), LEAD_SECONDS + 600)
            others[number % 4].parts.get(PriceSchedule).schedule(new)
        except FareboxError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert world.audit().violations == ()
    assert len(world.items()) == 2


def test_a_damaged_list_is_not_written_over(world: ServiceHarness, schedule: PriceSchedule) -> None:
    schedule.schedule(new_price(world))
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "PRICES"}},
        UpdateExpression="SET prices = :p",
        ExpressionAttributeValues={":p": {"L": []}},
    )
    items = world.items()
    with pytest.raises(PricesUnavailable):
        schedule.schedule(new_price(world, after_seconds=LEAD_SECONDS + 60))
    assert world.items() == items
