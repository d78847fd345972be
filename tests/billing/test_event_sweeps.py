"""The sweep of Stripe's own list finds every event that was not delivered, page by page, and raises
the alarm."""

from typing import Any

import pytest

from service.billing import keys
from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.event_checks import event_checks
from service.billing.event_sweeps import (
    GRACE_MILLISECONDS,
    PAGE_LEASE_MILLISECONDS,
    SWEPT_MILLISECONDS,
    DueEvents,
    MissedEvents,
    walk_from,
)
from service.billing.events import EventFacts, EventSource, ObjectKind, ObjectRef
from service.core.metrics import Metric
from tests.billing.test_inbox import World
from tests.doubles.alarms import Alarms

HOURS = 3600
PAGE = 3


class Listed:
    """Stripe's list of events, newest first."""

    def __init__(self) -> None:
        self.events: list[EventFacts] = []
        self.requests: list[tuple[int, str]] = []
        self.broken = self.refusals = 0

    def add(self, world: World, event_id: str, age_seconds: float = 2 * HOURS, **ref: Any) -> None:
        at = world.clock.now() - round(age_seconds * 1000)
        named = ref.get("ref", ObjectRef(ObjectKind.PAYMENT, f"pi_{event_id}"))
        self.events.append(EventFacts(event_id, "charge.refunded", at, False, named))

    def __call__(self, since: int, after: str) -> tuple[tuple[EventFacts, ...], str]:
        self.requests.append((since, after))
        if self.broken:
            self.broken -= 1
            raise StripeUnavailable
        if self.refusals:
            self.refusals -= 1
            raise StripeRefused(kind="invalid_request_error", status=400, reason="resource_missing")
        newest = sorted(self.events, key=lambda each: each.created_at, reverse=True)
        kept = [each for each in newest if each.created_at >= since]
        ids = [each.event_id for each in kept]
        start = ids.index(after) + 1 if after else 0
        page = kept[start : start + PAGE]
        return tuple(page), page[-1].event_id if kept[start + PAGE :] else ""


class Sweeping(World):
    def __init__(self) -> None:
        super().__init__()
        self.listed = Listed()
        self.sweep = self.process()

    def process(self) -> MissedEvents:
        return MissedEvents(
            self.table,
            self.inbox,
            self.listed,
            self.clock,
            self.metrics,
            lambda: False,
            interval_seconds=4 * HOURS,
            pause_seconds=60,
        )

    def walk(self) -> int:
        pages = 1
        while self.sweep.run_once():
            pages += 1
        return pages

    @property
    def missed(self) -> int:
        return self.metrics.of(Metric.STRIPE_EVENTS_MISSED)

    @property
    def search_age_seconds(self) -> float:
        return self.metrics.peak(Metric.STRIPE_SEARCH_AGE_SECONDS)

    def due(self) -> set[str]:
        return {keys.event_id_of(hit.key) for hit in self.hits()}


@pytest.fixture
def world() -> Sweeping:
    return Sweeping()


def test_everything_that_was_not_delivered_is_found_and_dealt_with(world: Sweeping) -> None:
    for number in range(8):
        world.listed.add(world, f"evt_{number}", age_seconds=number * 20 * HOURS + 2 * HOURS)
    world.inbox.receive(world.listed.events[3])
    assert world.walk() == 3
    assert world.due() == {f"evt_{number}" for number in range(8)} - {"evt_3"}
    assert world.missed == 7
    assert all(world.work())
    stored = [world.stored(f"evt_{number}") for number in range(8)]
    assert {each.handling.state.value for each in stored} == {"done"}
    assert {each.source for each in stored[:3]} == {EventSource.SWEEP}


def test_a_list_without_news_raises_no_alarm(world: Sweeping) -> None:
    for number in range(5):
        world.listed.add(world, f"evt_{number}")
        world.inbox.receive(world.listed.events[number])
    assert world.walk() == 2
    assert (world.due(), world.missed) == (set(), 0)


def test_what_may_still_be_delivered_is_dealt_with_without_an_alarm(world: Sweeping) -> None:
    world.listed.add(world, "evt_young", age_seconds=GRACE_MILLISECONDS / 1000 - 1)
    world.listed.add(world, "evt_old", age_seconds=GRACE_MILLISECONDS / 1000)
    world.walk()
    assert world.due() == {"evt_young", "evt_old"}
    assert world.missed == 1


def test_events_that_concern_nothing_are_left_alone(world: Sweeping) -> None:
    world.listed.add(world, "evt_1", ref=None)
    world.walk()
    assert world.table.get(keys.event("evt_1")) is None
    assert world.missed == 0


def test_the_list_is_walked_every_few_hours_over_seven_days(world: Sweeping) -> None:
    world.listed.add(world, "evt_1")
    began = world.clock.now()
    assert [world.walk(), world.walk()] == [1, 1]
    assert world.listed.requests == [(began - SWEPT_MILLISECONDS, "")]
    world.clock.advance(4 * HOURS - 1)
    world.walk()
    assert len(world.listed.requests) == 1
    world.clock.advance(1)
    world.walk()
    assert world.listed.requests[1] == (world.clock.now() - SWEPT_MILLISECONDS, "")


def test_a_walk_whose_place_stripe_no_longer_knows_begins_anew(world: Sweeping) -> None:
    for number in range(7):
        world.listed.add(world, f"evt_{number}", age_seconds=number * HOURS + 2 * HOURS)
    assert world.sweep.run_once()
    world.listed.refusals = 1
    world.clock.advance(4 * HOURS)
    assert not world.sweep.run_once()
    world.walk()
    assert world.listed.requests[-3] == (world.clock.now() - SWEPT_MILLISECONDS, "")
    assert len(world.due()) == 7


def test_an_interrupted_walk_is_gone_on_with_by_any_process(world: Sweeping) -> None:
    for number in range(7):
        world.listed.add(world, f"evt_{number}", age_seconds=number * HOURS + 2 * HOURS)
    assert world.sweep.run_once()
    world.listed.broken = 1
    with pytest.raises(StripeUnavailable):
        world.sweep.run_once()
    other = world.process()
    assert not other.run_once()
    world.clock.advance(PAGE_LEASE_MILLISECONDS / 1000)
    assert other.run_once()
    assert not other.run_once()
    assert [after for _, after in world.listed.requests] == ["", "evt_2", "evt_2", "evt_5"]
    assert world.due() == {f"evt_{number}" for number in range(7)}
    assert world.missed == 7


def test_a_walk_that_is_stored_can_be_read(world: Sweeping) -> None:
    (check,) = [each for each in event_checks() if each.kind is keys.SWEEP_ITEM]
    for number in range(4):
        world.listed.add(world, f"evt_{number}")
    while True:
        more = world.sweep.run_once()
        item = world.table.get(keys.SWEEP)
        assert item is not None
        assert [*check.faults(item)] == []
        if not more:
            break
    walk = walk_from(item)
    assert (walk.pages, walk.found, walk.after) == (2, 4, "")
    assert walk.ended_at == world.clock.now()


def test_what_is_due_is_dealt_with_and_one_failure_stops_no_other(world: Sweeping) -> None:
    sweep = DueEvents(world.inbox, world.clock, world.metrics, lambda: False, 2.0)
    for number in range(6):
        world.listed.add(world, f"evt_{number}")
    world.walk()
    world.reconciled.planned = [ValueError("a mistake"), StripeUnavailable()]
    assert not sweep.run_once()
    states = [world.state(f"evt_{number}") for number in range(6)]
    assert sorted(states) == ["done"] * 4 + ["pending"] * 2


def test_a_process_that_stops_begins_no_event(world: Sweeping) -> None:
    world.listed.add(world, "evt_1")
    world.walk()
    DueEvents(world.inbox, world.clock, world.metrics, lambda: True, 2.0).run_once()
    assert world.state("evt_1") == "pending"


def test_how_long_no_search_has_come_to_its_end_is_measured(world: Sweeping) -> None:
    """Also where Stripe refuses each, as it refuses a key that may not read events."""
    world.walk()
    for _ in range(3):
        world.clock.advance(4 * HOURS)
        world.listed.refusals = 1
        with pytest.raises(StripeRefused):
            world.sweep.run_once()
    assert world.search_age_seconds == 12 * HOURS
    world.clock.advance(PAGE_LEASE_MILLISECONDS / 1000)
    world.walk()
    world.metrics = world.sweep._metrics = Alarms()
    world.clock.advance(60)
    world.sweep.run_once()
    assert world.search_age_seconds == 60


def test_a_search_that_has_never_come_to_its_end_is_measured_too(world: Sweeping) -> None:
    for _ in range(3):
        world.listed.refusals = 1
        with pytest.raises(StripeRefused):
            world.sweep.run_once()
        world.clock.advance(4 * HOURS)
    world.sweep.run_once()
    assert world.search_age_seconds == 12 * HOURS
